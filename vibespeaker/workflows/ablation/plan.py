"""What an experiment trains and tests, in YAML.

labels: corpora/seven-neutral             # label map, where several manifests are given
split: speakers                           # as `vibespeaker split --by`, where the manifest has no test split
protocols: [speakers, utterances]         # instead: all of it under each of these splits, one table beside the other
fractions: {train: 0.8, test: 0.2}        # of the splits that are made
clean: {silence: energy, denoise: 0.5}    # recordings are cleaned first, as `vibespeaker clean` does; {}: defaults
balance: {target: 1600, noisy: [calm]}    # a balanced training split, as `vibespeaker balance` plans it
config: experiment/embedded               # what every variant trains
settings: {trainer.max_epochs: 20}        # the same in every variant
encoders: encoders/embedded               # for the cache
dtype: bfloat16                           # precision of the cache
views: 1                                  # augmented views in the cache
augmentation: augmentation/noise          # their recipe
view_splits: [train, test]                # splits that have them
variants:
  - name: everything
  - name: without ravdess
    train: {without: {corpus: [ravdess]}} # or only: rows with these values; null for missing ones
    labels: seven                         # classes to learn; by default those of the manifest
    encoders: encoders/handcrafted        # for the cache, beside those above
    config: experiment/cnn1d              # what it trains, instead of the experiment's config
    classifier: knn                       # or a classifier of `vibespeaker baselines`, on frames of `features`
    published: {test part: {accuracy: 0.631, uar: 0.567}}  # what a source has on a test, shown beside
    settings: {data.init_args.views: 0}
tests:                                    # by default the whole test split
  - name: strong
    select: {only: {intensity: [strong]}}
    splits: [test]                        # of these splits, by default test
    labels: seven                         # classes to score, among those learned
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from vibespeaker.baselines.classifiers import CLASSIFIERS
from vibespeaker.config_files import find_config
from vibespeaker.config_files.typed import FreeMapping, read_as
from vibespeaker.errors import ConfigError
from vibespeaker.labels import label_set
from vibespeaker.prepare.balance_plan import TARGET
from vibespeaker.prepare.split.strategies import SplitStrategy

#: Scores that a source has.
PUBLISHED = ("accuracy", "uar")
#: Columns of a manifest that rows can be selected by.
COLUMNS = ("corpus", "category", "intensity", "language", "gender", "speaker", "session")


@dataclass(frozen=True)
class Selection:
    """Rows by the values of columns.

    Args:
        only: column → values that rows must have.
        without: column → values that rows must not have.
    """

    only: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    without: Mapping[str, Sequence[str | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for column, values in (*self.only.items(), *self.without.items()):
            if column not in COLUMNS or not isinstance(values, (list, tuple)):
                raise ConfigError("rows are selected by lists of values", found=f"{column}: {values}", allowed=COLUMNS)

    def mask(self, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Return `(N,)`, True for selected rows of a frame with `COLUMNS`."""
        chosen = np.ones(len(frame), dtype=bool)
        for column, values in self.only.items():
            chosen &= _holds(frame[column], values)
        for column, values in self.without.items():
            chosen &= ~_holds(frame[column], values)
        return chosen


@dataclass(frozen=True)
class Variant:
    """One training.

    Args:
        name: unique among the variants.
        train: utterances that train and validate.
        labels: label set to learn, that of the manifest by default.
        settings: dotted config key → value.
        whole: whether the selected utterances of the test split train, too, and all others are tested on.
        config: what it trains, the experiment's by default.
        encoders: what the cache needs for it, beside the experiment's encoders.
        classifier: of `vibespeaker baselines`, fitted instead of a training.
        features: encoders whose frames the classifier reads.
        published: test → WA (`accuracy`) and UA (`uar`) of a source, shares; a classifier's own on the first test are
            known.
    """

    name: str
    train: Selection = Selection()
    labels: str | None = None
    settings: FreeMapping = field(default_factory=dict)
    whole: bool = False
    config: str | None = None
    encoders: str | None = None
    classifier: str | None = None
    features: tuple[str, ...] = ("means",)
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.classifier is not None:
            if self.classifier not in CLASSIFIERS:
                raise ConfigError(
                    f"variant {self.name!r}: classifier", found=self.classifier, allowed=list(CLASSIFIERS)
                )
            if self.config is not None or self.settings or self.labels is not None or self.whole:
                raise ConfigError(
                    f"variant {self.name!r} is a classifier, which has no config, settings, labels or whole",
                    found=self.classifier,
                )
        for test, scores in self.published.items():
            if set(scores) != set(PUBLISHED):
                place = f"variant {self.name!r}: published scores of {test}"
                raise ConfigError(place, found=sorted(scores), allowed=PUBLISHED)


@dataclass(frozen=True)
class Cleaning:
    """How recordings are cleaned; see `vibespeaker clean`.

    Args:
        denoise: share of the noise to take away, 0 to 1.
        silence: how silence is found: `silero`, `energy`, or `none` to keep it.
        min_duration: what is shorter afterwards is dropped, seconds.
    """

    denoise: float = 1.0
    silence: Literal["none", "energy", "silero"] = "silero"
    min_duration: float = 1.0


@dataclass(frozen=True)
class Balance:
    """A balanced training split; see `vibespeaker balance`.

    Args:
        target: utterances per class.
        augmentation: recipe of the views that are added.
        noisy: classes whose views may have background noise; all by default.
    """

    target: int = TARGET
    augmentation: str = "augmentation/balance"
    noisy: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ScoredSplit:
    """One selection of the test split.

    Args:
        name: unique among the tests.
        select: its utterances.
        labels: label set to score, that of the manifest by default; classes that were not learned are left out.
        splits: of which splits; a test that holds the training split is marked, since what was trained on is no test.
    """

    name: str = "test part"
    select: Selection = Selection()
    labels: str | None = None
    splits: tuple[str, ...] = ("test",)

    @property
    def title(self) -> str:
        """Its name, with what makes it no test."""
        return self.name + (" (trained on)" if "train" in self.splits else "")


@dataclass(frozen=True)
class ExperimentPlan:
    """A checked plan; the module's text says what its fields mean."""

    variants: tuple[Variant, ...] = ()
    tests: tuple[ScoredSplit, ...] = (ScoredSplit(),)
    config: str = "experiment/embedded"
    settings: FreeMapping = field(default_factory=dict)
    labels: str | None = None
    split: SplitStrategy = "speakers"
    encoders: str = "encoders/embedded"
    views: int = 0
    augmentation: str | None = None
    view_splits: tuple[str, ...] = ("train",)
    protocols: tuple[SplitStrategy, ...] = ()
    fractions: Mapping[str, float] | None = None
    clean: Cleaning | None = None
    balance: Balance | None = None
    dtype: Literal["bfloat16", "float16", "float32", "int8"] = "bfloat16"

    def __post_init__(self) -> None:
        for kind, names in (("variants", self.variants), ("tests", self.tests)):
            listed = [one.name for one in names]
            if not listed or len(set(listed)) < len(listed):
                raise ConfigError(f"an experiment needs {kind} with names of their own", found=listed)
        unknown = {test for one in self.variants for test in one.published} - {one.name for one in self.tests}
        if unknown:
            raise ConfigError(
                "published scores are of no test",
                found=sorted(unknown)[0],
                allowed=sorted(one.name for one in self.tests),
            )
        for name in {*(one.labels for one in self.variants), *(one.labels for one in self.tests)} - {None}:
            label_set(str(name))
        for split in (self.split, *self.protocols):
            if split not in get_args(SplitStrategy):
                raise ConfigError("an experiment's split", found=split, allowed=get_args(SplitStrategy))
        if self.balance is not None and (self.views or any(one.train != Selection() for one in self.variants)):
            raise ConfigError(
                "a balanced training split has the views of its plan, and is the same for all variants",
                remedy="leave out balance, or views and the variants' train",
            )

    @property
    def predicted(self) -> tuple[str, ...]:
        """Splits that tests are of."""
        return tuple(dict.fromkeys(split for test in self.tests for split in test.splits))

    @property
    def digest(self) -> str:
        """Identifies the plan."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def read_plan(name: str) -> ExperimentPlan:
    """Read a plan.

    Args:
        name: path, or the name of a shipped one such as `ablation/corpora`.

    Raises:
        ConfigError: the file is missing or cannot be parsed, or a key or value is wrong; names the file.
    """
    return read_as(find_config(name), ExperimentPlan)


def _holds(column: "pd.Series[Any]", values: Sequence[str | None]) -> npt.NDArray[np.bool_]:
    known = column.isin([value for value in values if value is not None])
    return np.asarray(known | column.isna() if None in values else known)
