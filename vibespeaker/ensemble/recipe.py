"""What an ensemble is made of, as options of the command or as a YAML file."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from vibespeaker.arguments.ranges import COUNT, SEED, Range, require
from vibespeaker.config_files.typed import read_as
from vibespeaker.ensemble.means import check_weights
from vibespeaker.ensemble.stack import HEADS
from vibespeaker.errors import ConfigError
from vibespeaker.files import write_text

Method = Literal["mean", "vote", "confidence", "top-k", "greedy", "learned", "gate", "stack-logistic", "stack-mlp"]
#: Methods that choose or fit by the labels of a split.
FITTED = ("top-k", "greedy", "learned", "gate", "stack-logistic", "stack-mlp")
#: Those that take weights, and those that a late fusion knows.
WEIGHTED, FUSING = ("mean", "vote", "confidence"), ("mean", "confidence", "learned", "gate")


@dataclass(frozen=True)
class Recipe:
    """An ensemble.

    Args:
        members: paths of prediction tables, or of challenge files of task 2 (`.csv`).
        method: how they are combined.
        weights: one per member, for `mean`, `vote` and `confidence`; equal by default.
        categories: the members of this head, by path or by file name without suffix; all by default, and an empty list
            leaves the head out. For `top-k` these belong to the head beside the k best.
        arousal: the same for arousal.
        valence: the same for valence.
        dominance: the same for dominance.
        labels: label set of the ensemble, that of its members by default; members with more classes drop the others.
        k: how many win by `top-k`.
        rounds: members added by `greedy`, counting repetitions.
        fit_split: the labelled split that selections and stacking go by.
        split: the split that is written; all rows by default.
        folds: speaker-disjoint folds of the cross-fitted score.
        seed: of folds, resampling and initial weights.
        joined: whether the members' tables are folds of a cross-validation, joined by their system's name.
        fusion: path of a late fusion's file (`ensemble.fusion`), whose members' tables are combined over the union of
            their classes.
    """

    members: tuple[str, ...] = ()
    method: Method = "mean"
    weights: tuple[float, ...] | None = None
    categories: tuple[str, ...] | None = None
    arousal: tuple[str, ...] | None = None
    valence: tuple[str, ...] | None = None
    dominance: tuple[str, ...] | None = None
    labels: str | None = None
    k: int = 3
    rounds: int = 50
    fit_split: str = "development"
    split: str | None = None
    folds: int = 5
    seed: int = 0
    joined: bool = False
    fusion: str | None = None

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise ConfigError("unknown ensemble method", found=self.method, allowed=get_args(Method))
        if self.weights is not None:
            if self.method not in WEIGHTED:
                raise ConfigError("weights do not go with this method", found=self.method, allowed=WEIGHTED)
            if not self.joined and len(self.weights) != len(self.members):
                raise ConfigError(
                    "weights must be one per member", found=len(self.weights), allowed=str(len(self.members))
                )
            check_weights(self.weights)
        if self.fusion is not None and self.method not in FUSING:
            raise ConfigError("a late fusion does not go by this method", found=self.method, allowed=FUSING)
        if self.fusion is not None and (self.joined or any(getattr(self, head) is not None for head in HEADS)):
            raise ConfigError(
                "a late fusion's file says which members there are",
                found="joined" if self.joined else "members named by head",
                remedy="leave these options out beside --fusion",
            )
        require(COUNT, k=self.k, rounds=self.rounds)
        require(Range(2, whole=True), folds=self.folds)
        require(SEED, seed=self.seed)
        for head in HEADS:
            self.named(head)

    def named(self, head: str) -> tuple[str, ...] | None:
        """Return the members named for a head as the paths given, or None where none are named.

        Raises:
            ConfigError: a name fits no member, or several.
        """
        names: Sequence[str] | None = getattr(self, head)
        return None if names is None else tuple(self._resolve(name, head) for name in names)

    def _resolve(self, name: str, head: str) -> str:
        if name in self.members:
            return name
        fitting = [member for member in self.members if name in (Path(member).stem, Path(member).name)]
        if len(fitting) != 1:
            problem = "fits several members" if fitting else "is no member"
            raise ConfigError(f"{name!r}, named for {head}, {problem}", allowed=self.members)
        return fitting[0]

    @property
    def is_fitted(self) -> bool:
        """True when labels decide about members or weights."""
        return self.method in FITTED

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as YAML would hold it, without what is left at its default of none."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items() if v is not None}

    @staticmethod
    def read(path: Path, **changes: Any) -> "Recipe":
        """Read a recipe from YAML; `changes` go over it.

        Raises:
            ConfigError: the file is missing or a key or value is wrong.
        """
        return read_as(path, Recipe, **changes)

    def write(self, path: Path) -> None:
        """Write the recipe as YAML."""
        write_text(path, yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True))
