"""Several manifests of one: folds of cross-validation, and each speaker, session or corpus left out in turn."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from vibespeaker.errors import ManifestError
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.split.groups import (
    Key,
    Rows,
    assign_groups,
    belonging_together,
    category_codes,
    group_counts,
)
from vibespeaker.prepare.split.strategies import validation_rows


def group_folds(
    manifest: Manifest, folds: int, validation: float = 0.1, seed: int = 0, by: tuple[Key, ...] = ("speaker",)
) -> Iterator[Manifest]:
    """Yield the manifest `folds` times, each time with another fold of the groups as `test`.

    Args:
        manifest: its own splits are overwritten.
        folds: 2 or more.
        validation: share of the remaining utterances, by groups, that become `validation`; 0 for none.
        seed: another seed gives other folds.
        by: what makes a group, see `belonging_together`.

    Raises:
        ManifestError: fewer than two folds, or fewer groups than splits.
    """
    if folds < 2:
        raise ManifestError("cross-validation needs at least two folds", found=folds)
    what = " and ".join(f"{key}s" for key in by)
    groups = belonging_together(manifest, *by)
    counts = group_counts(groups, category_codes(manifest))
    if len(by) > 1 and len(counts) < folds:
        raise ManifestError(
            f"{what} that are shared join the utterances to fewer groups than folds",
            found=f"{len(counts)} groups, the largest with {int(counts.sum(axis=1).max()):,} utterances",
            remedy="make folds --by speakers; or leave --folds out: one split by speakers+sentences leaves out the "
            "utterances that would leak",
        )
    numbers = assign_groups(counts, [1 / folds] * folds, seed, by[0])[groups]
    for fold in range(folds):
        step = {"step": "split", "by": f"{'+'.join(by)} folds", "folds": folds, "fold": fold, "seed": seed}
        yield tested_on(manifest, numbers == fold, groups, validation, seed, step)


def leave_one_out(
    manifest: Manifest, column: str, validation: float = 0.1, seed: int = 0
) -> Iterator[tuple[str, Manifest]]:
    """Yield each speaker, session or corpus, in alphabetical order, with the manifest whose `test` it is.

    Args:
        manifest: its own splits are overwritten.
        column: `speaker`, `session` or `corpus`.
        validation: share of the remaining utterances, by speakers, that become `validation`; 0 for none.
        seed: of the validation speakers.

    Raises:
        ManifestError: the column has fewer than two values, or misses some.
    """
    values = np.array(manifest.column(column), dtype=object)
    missing = int(pd.isna(values).sum())
    names = sorted(set(values[~pd.isna(values)]))
    if len(names) < 2 or missing:
        raise ManifestError(
            f"leaving one {column} out needs at least two of them, and one for every utterance",
            found=f"{len(names)}, and {missing} utterances without",
        )
    groups = belonging_together(manifest)
    for name in names:
        step = {"step": "split", "by": f"left-out {column}", "test": name, "seed": seed}
        yield name, tested_on(manifest, values == name, groups, validation, seed, step)


def tested_on(
    manifest: Manifest,
    is_test: npt.NDArray[np.bool_],
    groups: Rows,
    validation: float,
    seed: int,
    step: dict[str, Any],
) -> Manifest:
    """Return the manifest with these rows as `test`, and the groups of the others as `train` and `validation`.

    Args:
        manifest: its own splits are overwritten.
        is_test: `(N,)`.
        groups: `(N,)`, see `belonging_together`.
        validation: share of the other utterances, by groups, that validates; 0 for none.
        seed: of the validation groups.
        step: for the history.

    Raises:
        ManifestError: the share is none, or the other utterances are one group.
    """
    names = np.where(is_test, "test", "train").astype(object)
    if validation:
        names[validation_rows(manifest, groups, np.flatnonzero(~is_test), validation, seed)] = "validation"
    return manifest.with_columns({"split": names.tolist()}, {**step, "validation": validation})
