"""Scores of probabilities that do not depend on where one decides: area under the ROC curve, average precision.

Both rank all utterances by the probability of one class, and average over the classes for which that means something:
those that some utterances have and, for the area, some have not. An utterance that counts several times in a bootstrap
draw has that weight.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from vibespeaker.evaluation.bootstrap import draw_counts, percentiles
from vibespeaker.evaluation.statistics import Floats, Integers
from vibespeaker.evaluation.table_heads import Resampling
from vibespeaker.evaluation.uncertainty import Interval

#: `(..., thresholds)` of the class and of the others so far → `(...)`.
Score = Callable[[Floats, Floats], Floats]

#: Utterances times draws that are counted for intervals, and draws at least.
_MOST, _LEAST_DRAWS = 5_000_000, 200
_CHUNK = 100


def areas_under_roc(true: npt.ArrayLike, probabilities: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Floats:
    """Area under the ROC curve of each class against all others: the share of pairs in the right order, ties half.

    The statistic of Mann and Whitney (1947).

    Args:
        true: `(N,)` class indices.
        probabilities: `(N, C)`, larger for more probable.
        weights: `(..., N)`, how often each utterance counts; once each by default.

    Returns:
        `(..., C)`, 0–1, .5 for guessing; NaN for a class that no utterance has, or all have.
    """
    return _of_classes(true, probabilities, weights, _area)


def average_precisions(
    true: npt.ArrayLike, probabilities: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Floats:
    """Average precision of each class: Σ (Rₙ − Rₙ₋₁) Pₙ over the thresholds n, from the most probable utterance down.

    Utterances with equal probabilities share a threshold; nothing is interpolated.

    Args:
        true: `(N,)` class indices.
        probabilities: `(N, C)`, larger for more probable.
        weights: `(..., N)`, how often each utterance counts; once each by default.

    Returns:
        `(..., C)`, 0–1, the share of the class for guessing; NaN for a class that no utterance has.
    """
    return _of_classes(true, probabilities, weights, _precision)


def mean_over_classes(values: Floats) -> Floats:
    """Return the mean of `(..., C)` over the classes that have a value; NaN where none has."""
    known = ~np.isnan(values)
    counts = known.sum(axis=-1)
    totals = np.where(known, values, 0.0).sum(axis=-1)
    return np.divide(totals, counts, out=np.full(totals.shape, np.nan), where=counts > 0)


def ranking_scores(true: Integers, probabilities: Floats | None, resampling: Resampling) -> dict[str, Interval]:
    """Return `auc` and `map`, the means over classes, with bootstrap intervals over clusters.

    Args:
        true: `(N,)` class indices, −1 for utterances that do not count.
        probabilities: `(N, C)`; None for no scores.
        resampling: of the N utterances; of many utterances fewer draws are made.
    """
    if probabilities is None:
        return {}
    known = true >= 0
    true, probabilities, clusters = true[known], probabilities[known], resampling.clusters[known]
    functions = {"auc": areas_under_roc, "map": average_precisions}
    values = {name: float(mean_over_classes(function(true, probabilities))) for name, function in functions.items()}
    if not resampling.draws or resampling.count < 2 or not len(true):
        return {name: Interval(value) for name, value in values.items()}
    made = min(resampling.draws, max(_LEAST_DRAWS, _MOST // len(true)))
    drawn: dict[str, list[Floats]] = {name: [] for name in functions}
    for counts in draw_counts(resampling.count, made, resampling.seed):
        for start in range(0, len(counts), _CHUNK):
            weights = counts[start : start + _CHUNK, clusters]
            for name, function in functions.items():
                drawn[name].append(mean_over_classes(function(true, probabilities, weights)))
    ends = percentiles([np.concatenate(parts) for parts in drawn.values()], resampling.level)
    return {name: Interval(value, *pair) for (name, value), pair in zip(values.items(), ends, strict=True)}


def _of_classes(
    true: npt.ArrayLike, probabilities: npt.ArrayLike, weights: npt.ArrayLike | None, score: Score
) -> Floats:
    classes, ranked = np.asarray(true, np.int64), np.asarray(probabilities, np.float64)
    counted = np.ones(len(classes)) if weights is None else np.asarray(weights, np.float64)
    found = np.full((*counted.shape[:-1], ranked.shape[1]), np.nan)
    for number, column in enumerate(ranked.T):
        order = np.argsort(-column, kind="stable")
        # the last of each run of equal probabilities
        ends = np.flatnonzero(np.diff(column[order], append=-np.inf))
        own = (classes == number)[order]
        placed = counted[..., order]
        hits = np.cumsum(placed * own, axis=-1)[..., ends]
        found[..., number] = score(hits, np.cumsum(placed, axis=-1)[..., ends] - hits)
    return found


def _area(hits: Floats, others: Floats) -> Floats:
    """Return the area by trapezoids under `(..., thresholds)` true over false positives, both ascending."""
    if not hits.shape[-1]:
        return np.full(hits.shape[:-1], np.nan)
    widths = np.diff(others, axis=-1, prepend=0.0)
    area = (widths * (hits + np.concatenate([np.zeros_like(hits[..., :1]), hits[..., :-1]], axis=-1)) / 2).sum(-1)
    pairs = hits[..., -1] * others[..., -1]
    return np.divide(area, pairs, out=np.full(area.shape, np.nan), where=pairs > 0)


def _precision(hits: Floats, others: Floats) -> Floats:
    if not hits.shape[-1]:
        return np.full(hits.shape[:-1], np.nan)
    answered = hits + others
    precision = np.divide(hits, answered, out=np.zeros_like(hits), where=answered > 0)
    summed = (np.diff(hits, axis=-1, prepend=0.0) * precision).sum(-1)
    total = hits[..., -1]
    return np.divide(summed, total, out=np.full(summed.shape, np.nan), where=total > 0)
