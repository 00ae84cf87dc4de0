"""Which rows of a manifest train, validate, test and are predicted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from vibespeaker.errors import ConfigError
from vibespeaker.manifest import Manifest

Purpose = Literal["train", "validation", "test", "predict"]

#: Splits to take where none are configured: the first that exists, for tests all numbered ones.
_USUAL = {"validation": ("validation", "development"), "test": ("test",)}
_NUMBERED_TESTS = ("test1", "test2", "test3")


@dataclass(frozen=True)
class Splits:
    """Splits of the manifest by what they serve; utterances of all named splits are taken together.

    Args:
        train: what is trained on.
        validation: what `val/…` is measured on; null takes `validation`, or `development` where there is none;
            `[]` trains without, and keeps the last state only unless a training value is monitored.
        test: what `test/…` is measured on; null takes `test`, or `test1` to `test3` where there is none.
        predict: what predictions are made for; null takes every row, those without split included.
    """

    train: list[str] | None = None
    validation: list[str] | None = None
    test: list[str] | None = None
    predict: list[str] | None = None

    def names(self, purpose: Purpose, present: Sequence[str]) -> list[str] | None:
        """Return the splits of `purpose` among those `present`; None stands for every row."""
        configured: list[str] | None = getattr(self, purpose)
        if configured is not None or purpose == "predict":
            return configured
        if purpose == "train":
            return ["train"]
        found = [split for split in _USUAL[purpose] if split in present][:1]
        return found or [split for split in _NUMBERED_TESTS if purpose == "test" and split in present]


def choose_rows(
    manifest: Manifest, usable: npt.NDArray[np.bool_], purpose: Purpose, splits: Splits
) -> npt.NDArray[np.int64]:
    """Return the row numbers of `purpose`, ascending.

    Args:
        manifest: N rows with their splits.
        usable: `(N,)`, False for rows that can be neither trained nor scored on; predictions are made for them all
            the same.
        purpose: what the rows are for.
        splits: which splits serve it.

    Raises:
        ConfigError: no row is left.
    """
    chosen = is_in_split(manifest, purpose, splits)
    rows = np.flatnonzero(chosen if purpose == "predict" else chosen & usable)
    if not len(rows):
        present = manifest.codes("split")[1]
        names = splits.names(purpose, present)
        source = "any split" if names is None else f"split {', '.join(names) or 'of the usual names'}"
        raise ConfigError(
            f"the {purpose} split of the manifest is empty",
            found=f"{int(chosen.sum())} utterances in {source}, none of them usable",
            allowed=sorted(present) or "the manifest names no splits",
            remedy=f"name existing splits in data.init_args.splits.{purpose}, split the manifest, or loosen the policy",
        )
    return rows


def evaluated_rows(manifest: Manifest, splits: Splits) -> dict[str, npt.NDArray[np.int64]]:
    """Return `validation` and `test` → their row numbers, whatever their labels: hidden ones are scored elsewhere."""
    purposes: tuple[Purpose, ...] = ("validation", "test")
    rows = {purpose: np.flatnonzero(is_in_split(manifest, purpose, splits)) for purpose in purposes}
    return {purpose: found for purpose, found in rows.items() if len(found)}


def is_in_split(manifest: Manifest, purpose: Purpose, splits: Splits) -> npt.NDArray[np.bool_]:
    """Return `(N,)`, True for the rows whose split serves `purpose`, whatever their labels."""
    codes, present = manifest.codes("split")
    names = splits.names(purpose, present)
    if names is None:
        return np.ones(len(codes), dtype=bool)
    return np.isin(codes, [present.index(name) for name in names if name in present])


def refuse_scored(manifest: Manifest, purpose: Purpose, splits: Splits) -> None:
    """Refuse to learn class weights from a split that shares utterances with the test split.

    Raises:
        ConfigError: it does.
    """
    present = manifest.codes("split")[1]
    shared = set(splits.names(purpose, present) or present) & set(splits.names("test", present) or [])
    if shared:
        raise ConfigError(
            f"class weights from the {purpose} split would come from the split that is scored",
            found=", ".join(sorted(shared)),
            remedy=f"choose other splits for data.init_args.splits.{purpose} or data.init_args.splits.test",
        )
