"""Which rows of a manifest train, validate, test and are predicted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from vibespeaker.errors import ConfigError
from vibespeaker.manifest import Manifest

Part = Literal["train", "validation", "test", "predict"]

#: Splits to take where none are configured: the first that exists, for tests all numbered ones.
_USUAL = {"validation": ("validation", "development"), "test": ("test",)}
_NUMBERED_TESTS = ("test1", "test2", "test3")


@dataclass(frozen=True)
class Parts:
    """Splits of the manifest by what they serve; utterances of all named splits are taken together.

    Args:
        train: what is trained on.
        validation: what `val/…` is measured on; null takes `validation`, or `development` where there is none;
            `[]` trains without, which takes a `keep.monitor` of the training.
        test: what `test/…` is measured on; null takes `test`, or `test1` to `test3` where there is none.
        predict: what predictions are made for; null takes every row, those without split included.
    """

    train: list[str] | None = None
    validation: list[str] | None = None
    test: list[str] | None = None
    predict: list[str] | None = None

    def splits(self, part: Part, present: Sequence[str]) -> list[str] | None:
        """Return the splits of `part` among those `present`; None stands for every row."""
        configured: list[str] | None = getattr(self, part)
        if configured is not None or part == "predict":
            return configured
        if part == "train":
            return ["train"]
        found = [split for split in _USUAL[part] if split in present][:1]
        return found or [split for split in _NUMBERED_TESTS if part == "test" and split in present]


def choose_rows(manifest: Manifest, usable: npt.NDArray[np.bool_], part: Part, parts: Parts) -> npt.NDArray[np.int64]:
    """Return the row numbers of `part`, ascending.

    Args:
        manifest: N rows with their splits.
        usable: `(N,)`, False for rows that can be neither trained nor scored on; predictions are made for them all
            the same.
        part: what the rows are for.
        parts: which splits serve it.

    Raises:
        ConfigError: no row is left.
    """
    chosen = is_in_part(manifest, part, parts)
    rows = np.flatnonzero(chosen if part == "predict" else chosen & usable)
    if not len(rows):
        present = manifest.codes("split")[1]
        names = parts.splits(part, present)
        source = "any split" if names is None else f"split {', '.join(names) or 'of the usual names'}"
        raise ConfigError(
            f"the {part} part of the manifest is empty",
            found=f"{int(chosen.sum())} utterances in {source}, none of them usable",
            allowed=sorted(present) or "the manifest names no splits",
            remedy=f"name existing splits in data.init_args.parts.{part}, split the manifest, or loosen the policy",
        )
    return rows


def is_in_part(manifest: Manifest, part: Part, parts: Parts) -> npt.NDArray[np.bool_]:
    """Return `(N,)`, True for the rows whose split serves `part`, whatever their labels."""
    codes, present = manifest.codes("split")
    names = parts.splits(part, present)
    if names is None:
        return np.ones(len(codes), dtype=bool)
    return np.isin(codes, [present.index(name) for name in names if name in present])
