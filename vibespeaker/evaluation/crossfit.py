"""Cross-fitting by speaker: what is fitted on the scored split is scored on unseen speakers and recordings."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from vibespeaker.errors import PredictionsError

Model = TypeVar("Model")
Rows = npt.NDArray[np.int64]


def folds_by_group(groups: npt.ArrayLike, folds: int, seed: int = 0) -> Rows:
    """Share groups among folds of about equally many utterances.

    Groups are shuffled, then dealt from the largest to the smallest, each to the fold that has fewest utterances.

    Args:
        groups: `(N,)`, what belongs together, see `Truth.groups`; any values that tell groups apart.
        folds: number of folds, at least 2.
        seed: of the shuffle, which decides among groups of one size.

    Returns:
        `(N,)`, int64, fold of each utterance.

    Raises:
        PredictionsError: there are fewer groups than folds.
    """
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    sizes = np.bincount(codes)
    if folds < 2 or len(sizes) < folds:
        raise PredictionsError(
            "cross-fitting needs at least two folds and a speaker for each",
            found=f"{len(sizes)} speakers for {folds} folds; those that share recordings count as one",
            remedy="use fewer folds, or a split with more speakers",
        )
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    load = np.zeros(folds, np.int64)
    home = np.empty(len(sizes), np.int64)
    for group in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        home[group] = load.argmin()
        load[home[group]] += sizes[group]
    return home[codes]


def cross_fit(
    fit: Callable[[Rows], Model], apply: Callable[[Model, Rows], npt.NDArray[np.float64]], folds: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Apply to each fold what was fitted on the others.

    Args:
        fit: rows → fitted model; sees only the rows it is given.
        apply: model, rows → `(len(rows), ...)` values.
        folds: `(N,)`, fold of each row, see `folds_by_group`.

    Returns:
        `(N, ...)` values in row order, none of them from a model that saw the row's fold.
    """
    of_row = np.asarray(folds)
    pairs = [(np.flatnonzero(of_row == fold), np.flatnonzero(of_row != fold)) for fold in np.unique(of_row)]
    values = [apply(fit(rest), held_out) for held_out, rest in pairs]
    order = np.argsort(np.concatenate([held_out for held_out, _ in pairs]), kind="stable")
    return np.concatenate(values)[order]
