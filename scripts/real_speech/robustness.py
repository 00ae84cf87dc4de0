"""Scores of one system in several conditions, how many of its answers they change, and whether it passes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from real_speech.conditions import AS_RECORDED, MOST_LOST, folder_name
from real_speech.worse import Copies, plain_name
from vibespeaker.evaluation.scoring import Options, evaluate_tables
from vibespeaker.evaluation.targets import Truth
from vibespeaker.manifest import Manifest
from vibespeaker.metrics import confusion_matrix, uar
from vibespeaker.predictions import Predictions

#: What groups clips: a column of the manifest, measured on each copy where it is of the sound.
GROUPS = ("gender", "snr_db", "level_db", "duration")
ALL = "all conditions"


@dataclass(frozen=True)
class Held:
    """How a system held up in one condition.

    Args:
        uar: mean recall of the classes, 0 to 1.
        lost: how much less that is than as recorded.
        unchanged: share of the answers that are those as recorded, 0 to 1.
        mark: the share that passes.
    """

    uar: float
    lost: float
    unchanged: float
    mark: float

    @property
    def passes(self) -> bool:
        """Whether both marks are met."""
        return self.lost < MOST_LOST and self.unchanged >= self.mark


def held(table: Path, copies: Copies) -> dict[str, Held]:
    """Return condition → how a system held up, `AS_RECORDED` first.

    Args:
        table: predictions of copies in all conditions, of all recordings or of some.
        copies: what they are copies of.
    """
    predictions, read = Predictions.read(table), Manifest.read(copies.joined, ["utterance_id", "category"])
    classes = predictions.labels.classes
    category = dict(zip(read.column("utterance_id"), read.column("category"), strict=True))
    ids = list(predictions.frame["utterance_id"])
    places = np.array([identifier.split("/", 2)[1] for identifier in ids])
    true = np.array([classes.index(category[identifier]) for identifier in ids])
    said = predictions.logits().argmax(axis=1)
    plain = np.array([plain_name(identifier) for identifier in ids])
    first = places == folder_name(AS_RECORDED)
    before = dict(zip(plain[first], said[first], strict=True))
    found: dict[str, Held] = {}
    for name, condition in copies.conditions.items():
        rows = places == folder_name(name)
        value = _uar(true[rows], said[rows], len(classes))
        lost = found[AS_RECORDED].uar - value if found else 0.0
        same = np.array([before[one] for one in plain[rows]]) == said[rows]
        found[name] = Held(value, lost, float(same.mean()), condition.unchanged)
    return found


def mean_of(seeds: Sequence[Mapping[str, Held]]) -> dict[str, Held]:
    """Return the mean over seeds of what `held` returned for each."""
    return {
        name: Held(*(float(np.mean([vars(seed[name])[key] for seed in seeds])) for key in vars(one)))
        for name, one in seeds[0].items()
    }


def sliced(table: Path, copies: Copies) -> dict[tuple[str, str], dict[str, tuple[float, int]]]:
    """Return grouping and group → UAR and number of clips, as recorded and in all conditions together.

    Args:
        table: predictions of copies in all conditions.
        copies: what they are copies of.
    """
    predictions = Predictions.read(table)
    place = f"/{folder_name(AS_RECORDED)}/"
    first = predictions.frame["utterance_id"].str.contains(place, regex=False)
    clean = table.with_name(f"{table.stem}-as-recorded.parquet")
    Predictions(predictions.frame[first].reset_index(drop=True), predictions.metadata).write(clean)
    truth = Truth.read(copies.joined)
    found: dict[tuple[str, str], dict[str, tuple[float, int]]] = {}
    for name, path in ((ALL, table), (AS_RECORDED, clean)):  # all have every group, in order
        evaluation = evaluate_tables([path], truth, Options(draws=0, by=GROUPS))
        for one in evaluation.slices:
            found.setdefault((one.by, one.group), {})[name] = (one.scores["uar"].value, one.utterances)
    return found


def mean_slices(
    seeds: Sequence[Mapping[tuple[str, str], Mapping[str, tuple[float, int]]]],
) -> dict[tuple[str, str], dict[str, tuple[float, int]]]:
    """Return the mean over seeds of what `sliced` returned for each: all score the same clips."""
    return {
        group: {
            name: (float(np.mean([seed[group][name][0] for seed in seeds])), count) for name, (_, count) in of.items()
        }
        for group, of in seeds[0].items()
    }


def _uar(true: npt.NDArray[np.int64], said: npt.NDArray[np.int64], classes: int) -> float:
    return float(uar(confusion_matrix(true, said, classes)))
