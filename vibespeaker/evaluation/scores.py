"""What an evaluation found: scores with intervals, comparisons, slices; plain data that goes to JSON and back.

Names of scores, the same in JSON, Parquet, tables and figures:
`accuracy` (WA), `uar` (UA), `uar_plus_accuracy`, `macro_f1`, `micro_f1`, `auc`, `map` (means over
classes of the area under the ROC curve and of the average precision); `precision_<class>`, `recall_<class>`,
`f1_<class>`; `ccc_<attribute>`, `pearson_<attribute>`, `rmse_<attribute>`, `bias_<attribute>`, `slope_<attribute>`, and
`ccc_mean`. The prefix `balanced_` (of `macro_f1`, `accuracy`, `ccc_<attribute>`, `ccc_mean`) marks the score with every
class given the same weight; balanced accuracy is the UAR.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from vibespeaker.errors import PredictionsError
from vibespeaker.evaluation.head_scores import HeadScores
from vibespeaker.evaluation.uncertainty import Interval, Spread
from vibespeaker.files import atomic_path, write_text
from vibespeaker.files.inputs import read_json

SCHEMA_VERSION = 1
#: Fewer utterances show nothing of a group: it is not named the worst, not drawn, and marked where it is listed.
LEAST_UTTERANCES = 20
FEW = "too few clips"
SYNTHETIC = "the speech is synthetic: these scores say nothing of real speech"


@dataclass(frozen=True)
class SystemScores:
    """All scores of one system on one split.

    Args:
        system: its name, unique in the evaluation.
        source: the prediction table's path, or what the row was made from.
        sha256: hash of that file, null for reference rows such as majority/mean.
        reference: True for rows that serve for comparison only (majority/mean).
        utterances: scored utterances.
        speakers: scored speakers.
        labelled: scored utterances with a category, and with each attribute, by name.
        scores: name → interval.
        classes: the classes scored, in the order of `confusion`; empty without a category head.
        confusion: rows true, columns predicted.
        balanced_tests: score → spread over simulated tests with equally many utterances per class.
        fitted_on: what of the system was fitted or selected on the split scored here, null where nothing was.
        heads: further head → its scores.
    """

    system: str
    source: str
    sha256: str | None
    reference: bool
    utterances: int
    speakers: int
    labelled: Mapping[str, int]
    scores: Mapping[str, Interval]
    classes: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    balanced_tests: Mapping[str, Spread] = field(default_factory=dict)
    fitted_on: str | None = None
    heads: Mapping[str, HeadScores] = field(default_factory=dict)

    def all_scores(self) -> dict[str, Interval]:
        """Return the scores with those of further heads, `HEAD_SCORE`, as validation logs them."""
        further = {f"{head}_{name}": one.interval(name) for head, one in self.heads.items() for name in one.scores}
        return {**self.scores, **further}


@dataclass(frozen=True)
class Comparison:
    """One paired comparison of two systems by one score.

    Args:
        score: name of the score.
        first: a system.
        second: another.
        difference: first − second with its bootstrap interval.
        p_bootstrap: two-sided, from the paired speaker bootstrap.
        p_permutation: two-sided, from swapping the systems speaker by speaker.
        p_holm: `p_permutation` after Holm's correction over all pairs compared by this score.
    """

    score: str
    first: str
    second: str
    difference: Interval
    p_bootstrap: float
    p_permutation: float
    p_holm: float


@dataclass(frozen=True)
class Slice:
    """The scores of one system on one group of utterances.

    Args:
        system: its name.
        by: what groups them, e.g. `gender`.
        group: the group's value, e.g. `female`.
        utterances: in the group.
        speakers: in the group.
        scores: name → interval.
        worst_by: names of the scores by which this group is the worst of all groups of `by` that are large enough.
    """

    system: str
    by: str
    group: str
    utterances: int
    speakers: int
    scores: Mapping[str, Interval]
    worst_by: tuple[str, ...] = ()

    @property
    def is_small(self) -> bool:
        """Whether the group is too small for its scores to say something."""
        return self.utterances < LEAST_UTTERANCES


@dataclass(frozen=True)
class Settings:
    """How the scores were made.

    Args:
        split: the split scored, null for all that was predicted.
        label_set: name of the label set scored.
        draws: bootstrap draws.
        level: coverage of the intervals, e.g. 0.95.
        seed: of all draws.
        per_class: utterances per class in a simulated balanced test.
    """

    split: str | None
    label_set: str
    draws: int
    level: float
    seed: int
    per_class: int


@dataclass(frozen=True)
class Evaluation:
    """Everything one evaluation found.

    Args:
        settings: how.
        manifest: SHA-256 of the manifest with the true labels.
        synthetic: True when the speech is generated: the scores say nothing of real speech.
        systems: reference rows first, then systems in the order given.
        comparisons: every pair of systems by every compared score.
        slices: by system, then by grouping, then by group.
        seeds: system family → score → spread, where several tables share one system name.
        notes: remarks a reader must see.
    """

    settings: Settings
    manifest: str
    synthetic: bool
    systems: tuple[SystemScores, ...]
    comparisons: tuple[Comparison, ...] = ()
    slices: tuple[Slice, ...] = ()
    seeds: Mapping[str, Mapping[str, Spread]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def system(self, name: str) -> SystemScores:
        """Return the scores of the system called `name`.

        Raises:
            PredictionsError: there is none.
        """
        for scores in self.systems:
            if scores.system == name:
                return scores
        raise PredictionsError("no such system", found=name, allowed=[scores.system for scores in self.systems])

    def to_json(self) -> str:
        """Return the evaluation as JSON text; undefined values are null."""
        fields = {"kind": "evaluation", "schema_version": SCHEMA_VERSION, **asdict(self)}
        return json.dumps(nan_to_none(fields), indent=1, ensure_ascii=False) + "\n"

    def write(self, path: Path) -> None:
        """Write JSON, or for a name that ends in `.parquet` the long table of `frame`."""
        if path.suffix == ".parquet":
            with atomic_path(path) as temporary:
                self.frame().to_parquet(temporary, index=False)
        else:
            write_text(path, self.to_json())

    @staticmethod
    def read(path: Path) -> "Evaluation":
        """Read what `write` wrote as JSON.

        Raises:
            PredictionsError: the file is missing or is no evaluation.
        """
        remedy = "make one with: vibespeaker evaluate --out"
        fields = read_json(path, PredictionsError, "evaluation", remedy)
        if fields.pop("kind", None) != "evaluation":
            raise PredictionsError(f"{path} is not an evaluation", remedy=remedy)
        if fields.pop("schema_version", None) != SCHEMA_VERSION:
            raise PredictionsError(f"evaluation {path} has another schema version", allowed=str(SCHEMA_VERSION))
        try:
            return _evaluation(fields)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PredictionsError(f"evaluation {path} is damaged", found=repr(error), remedy=remedy) from error

    def frame(self) -> pd.DataFrame:
        """Return one row per score: `system, by, group, score, value, low, high, utterances, speakers`.

        `by` and `group` are null for the whole split.
        """
        whole = [(s.system, None, None, s.all_scores(), s.utterances, s.speakers) for s in self.systems]
        groups = [(s.system, s.by, s.group, s.scores, s.utterances, s.speakers) for s in self.slices]
        rows = [
            (system, by, group, name, score.value, score.low, score.high, utterances, speakers)
            for system, by, group, scores, utterances, speakers in [*whole, *groups]
            for name, score in scores.items()
        ]
        columns = ["system", "by", "group", "score", "value", "low", "high", "utterances", "speakers"]
        return pd.DataFrame(rows, columns=columns)


def nan_to_none(value: Any) -> Any:
    """Return a tree with None, null in JSON, for every number that is not finite."""
    if isinstance(value, dict):
        return {key: nan_to_none(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [nan_to_none(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _intervals(fields: dict[str, Any]) -> dict[str, Interval]:
    return {name: Interval(*(_number(item[key]) for key in ("value", "low", "high"))) for name, item in fields.items()}


def _spreads(fields: dict[str, Any]) -> dict[str, Spread]:
    return {
        name: Spread(
            mean=_number(item["mean"]),
            deviation=_number(item["deviation"]),
            low=_number(item["low"]),
            high=_number(item["high"]),
            count=item["count"],
        )
        for name, item in fields.items()
    }


def _evaluation(fields: dict[str, Any]) -> Evaluation:
    for system in fields["systems"]:
        system["scores"] = _intervals(system["scores"])
        system["balanced_tests"] = _spreads(system["balanced_tests"])
        system["classes"] = tuple(system["classes"])
        system["confusion"] = tuple(tuple(row) for row in system["confusion"])
        system["heads"] = {name: HeadScores.from_dict(head) for name, head in system.get("heads", {}).items()}
    for one in fields["slices"]:
        one["scores"] = _intervals(one["scores"])
        one["worst_by"] = tuple(one["worst_by"])
    for comparison in fields["comparisons"]:
        comparison["difference"] = _intervals({"": comparison["difference"]})[""]
        for key in ("p_bootstrap", "p_permutation", "p_holm"):
            comparison[key] = _number(comparison[key])
    return Evaluation(
        settings=Settings(**fields["settings"]),
        manifest=fields["manifest"],
        synthetic=fields["synthetic"],
        systems=tuple(SystemScores(**system) for system in fields["systems"]),
        comparisons=tuple(Comparison(**comparison) for comparison in fields["comparisons"]),
        slices=tuple(Slice(**one) for one in fields["slices"]),
        seeds={family: _spreads(scores) for family, scores in fields["seeds"].items()},
        notes=tuple(fields["notes"]),
    )
