"""What an experiment trains and tests, in YAML.

labels: corpora/seven-neutral             # label map, where several manifests are given
split: speakers                           # as `vibespeaker split --by`, where the manifest has no test split
config: experiment/embedded               # what every variant trains
settings: {trainer.max_epochs: 20}        # the same in every variant
encoders: encoders/embedded               # for the cache
views: 1                                  # augmented views in the cache
augmentation: augmentation/noise          # their recipe
view_splits: [train, test]                # splits that have them
variants:
  - name: everything
  - name: without ravdess
    train: {without: {corpus: [ravdess]}} # or only: rows with these values; null for missing ones
    labels: seven                         # classes to learn; by default those of the manifest
    settings: {data.init_args.views: 0}
tests:                                    # by default the whole test split
  - name: strong
    select: {only: {intensity: [strong]}}
    labels: seven                         # classes to score, among those learned
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from vibespeaker.config_files import find_config
from vibespeaker.config_files.typed import FreeMapping, read_as
from vibespeaker.errors import ConfigError
from vibespeaker.labels import label_set
from vibespeaker.prepare.split.strategies import SplitStrategy

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
    """

    name: str
    train: Selection = Selection()
    labels: str | None = None
    settings: FreeMapping = field(default_factory=dict)
    whole: bool = False


@dataclass(frozen=True)
class ScoredSplit:
    """One selection of the test split.

    Args:
        name: unique among the tests.
        select: its utterances.
        labels: label set to score, that of the manifest by default; classes that were not learned are left out.
    """

    name: str = "test part"
    select: Selection = Selection()
    labels: str | None = None


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

    def __post_init__(self) -> None:
        for kind, names in (("variants", self.variants), ("tests", self.tests)):
            listed = [one.name for one in names]
            if not listed or len(set(listed)) < len(listed):
                raise ConfigError(f"an experiment needs {kind} with names of their own", found=listed)
        for name in {*(one.labels for one in self.variants), *(one.labels for one in self.tests)} - {None}:
            label_set(str(name))
        if self.split not in get_args(SplitStrategy):
            raise ConfigError("an experiment's split", found=self.split, allowed=get_args(SplitStrategy))

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
