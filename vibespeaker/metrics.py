"""Scores of categories and attributes as pure NumPy functions; validation logging and `evaluate` share them.

Category scores take a confusion matrix and attribute scores take sums over pairs (`moments`). Both add up over any
subsets of the data (batches, ranks, speakers), so a score of all is never a mean of scores of subsets, and a
bootstrap draw is a weighted sum of the speakers' own matrices. Leading dimensions are batch dimensions everywhere.

Undefined cases, all documented at the function: a class absent from truth and predictions has F1 0 and no recall;
constant truth or constant predictions (one utterance included) have concordance 0, correlation 0 and slope 0; nothing
to score gives NaN.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

#: Order of the sums over pairs along the last axis of `moments`.
MOMENTS = ("n", "true", "predicted", "true²", "predicted²", "true·predicted")
#: A variance below this share of the mean square is rounding error: the values count as constant.
CONSTANT = 1e-12


def confusion_matrix(true: npt.ArrayLike, predicted: npt.ArrayLike, classes: int) -> Integers:
    """Count utterances by true and predicted class.

    Args:
        true: `(N,)`, class indices 0 to `classes` − 1.
        predicted: `(N,)`, class indices 0 to `classes` − 1.
        classes: number of classes, whether or not they occur.

    Returns:
        `(classes, classes)`, rows true, columns predicted.

    Raises:
        ValueError: the lengths differ or an index is out of range.
    """
    rows, columns = np.asarray(true, np.int64), np.asarray(predicted, np.int64)
    if rows.shape != columns.shape or rows.ndim != 1:
        raise ValueError(f"true and predicted must be (N,) alike, got {rows.shape} and {columns.shape}")
    both = np.concatenate([rows, columns])
    if both.size and (both.min() < 0 or both.max() >= classes):
        raise ValueError(f"class indices must lie in 0..{classes - 1}, got {both.min()}..{both.max()}")
    counts = np.bincount(rows * classes + columns, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def accuracy(confusion: npt.ArrayLike) -> Floats:
    """Share of utterances classified correctly, also called weighted accuracy (WA). Higher is better.

    Args:
        confusion: `(..., C, C)` counts or weights, rows true.

    Returns:
        `(...)`, 0–1; NaN where nothing was counted.
    """
    matrix = np.asarray(confusion, np.float64)
    return _divide(_hits(matrix).sum(-1), matrix.sum((-2, -1)), empty=np.nan)


def recalls(confusion: npt.ArrayLike) -> Floats:
    """Recall of each class.

    Args:
        confusion: `(..., C, C)` counts or weights, rows true.

    Returns:
        `(..., C)`, 0–1; NaN for a class that does not occur in the truth.
    """
    matrix = np.asarray(confusion, np.float64)
    return _divide(_hits(matrix), matrix.sum(-1), empty=np.nan)


def precisions(confusion: npt.ArrayLike) -> Floats:
    """Precision of each class.

    Args:
        confusion: `(..., C, C)` counts or weights, rows true.

    Returns:
        `(..., C)`, 0–1; NaN for a class that is never predicted.
    """
    matrix = np.asarray(confusion, np.float64)
    return _divide(_hits(matrix), matrix.sum(-2), empty=np.nan)


def f1_scores(confusion: npt.ArrayLike) -> Floats:
    """F1 of each class: 2·TP / (2·TP + FP + FN).

    Args:
        confusion: `(..., C, C)` counts or weights, rows true.

    Returns:
        `(..., C)`, 0–1; 0 for a class that is neither true nor predicted.
    """
    matrix = np.asarray(confusion, np.float64)
    return _divide(2 * _hits(matrix), matrix.sum(-1) + matrix.sum(-2), empty=0.0)


def uar(confusion: npt.ArrayLike) -> Floats:
    """Unweighted average recall (UA): the mean recall of the classes that occur in the truth. Higher is better.

    Args:
        confusion: `(..., C, C)` counts or weights, rows true.

    Returns:
        `(...)`, 0–1; NaN where nothing was counted. A class absent from the truth has no recall and is left out.
    """
    values = recalls(confusion)
    occurs = ~np.isnan(values)
    return _divide(np.where(occurs, values, 0.0).sum(-1), occurs.sum(-1).astype(np.float64), empty=np.nan)


def macro_f1(confusion: npt.ArrayLike) -> Floats:
    """Mean F1 over all classes of the matrix, those that never occur included with 0. Higher is better.

    This is the challenge's score of task 1.

    Args:
        confusion: `(..., C, C)` counts or weights, rows true.

    Returns:
        `(...)`, 0–1; NaN where nothing was counted.
    """
    matrix = np.asarray(confusion, np.float64)
    return np.where(matrix.sum((-2, -1)) > 0, f1_scores(matrix).mean(-1), np.nan)


def micro_f1(confusion: npt.ArrayLike) -> Floats:
    """F1 over pooled decisions; every utterance has one true and one predicted class, so it equals `accuracy`.

    Args:
        confusion: `(..., C, C)` counts or weights, rows true.

    Returns:
        `(...)`, 0–1; NaN where nothing was counted.
    """
    matrix = np.asarray(confusion, np.float64)
    return _divide(2 * _hits(matrix).sum(-1), 2 * matrix.sum((-2, -1)), empty=np.nan)


def moments(true: npt.ArrayLike, predicted: npt.ArrayLike, centre: float = 0.0) -> Floats:
    """Sums over pairs from which every attribute score follows.

    Args:
        true: `(..., N)`, finite.
        predicted: `(..., N)`, finite.
        centre: subtracted from both; the scores do not depend on it, their rounding does: choose one near the data.

    Returns:
        `(..., 6)` in the order of `MOMENTS`; moments of disjoint subsets with one centre add up.

    Raises:
        ValueError: the shapes differ.
    """
    x, y = np.asarray(true, np.float64) - centre, np.asarray(predicted, np.float64) - centre
    if x.shape != y.shape:
        raise ValueError(f"true and predicted must be alike, got {x.shape} and {y.shape}")
    sums = [np.ones_like(x), x, y, x * x, y * y, x * y]
    return np.stack([values.sum(-1) for values in sums], axis=-1)


def concordance_of(sums: npt.ArrayLike) -> Floats:
    """Concordance correlation coefficient: 2·cov / (var + var + (mean − mean)²), population variances (Lin 1989).

    Args:
        sums: `(..., 6)`, see `moments`.

    Returns:
        `(...)`, −1 to 1, higher is better; 0 where truth or predictions are constant, NaN where there are no pairs.
    """
    n, mean_x, mean_y, var_x, var_y, cov = _statistics(sums)
    return _where_any(n, _divide(2 * cov, var_x + var_y + (mean_x - mean_y) ** 2, empty=0.0))


def pearson_of(sums: npt.ArrayLike) -> Floats:
    """Pearson correlation.

    Args:
        sums: `(..., 6)`, see `moments`.

    Returns:
        `(...)`, −1 to 1, higher is better; 0 where truth or predictions are constant, NaN where there are no pairs.
    """
    n, _, _, var_x, var_y, cov = _statistics(sums)
    return _where_any(n, np.clip(_divide(cov, np.sqrt(var_x * var_y), empty=0.0), -1.0, 1.0))


def rmse_of(sums: npt.ArrayLike) -> Floats:
    """Root mean squared error, in the attribute's units. Lower is better.

    Args:
        sums: `(..., 6)`, see `moments`.

    Returns:
        `(...)`, NaN where there are no pairs.
    """
    n, mean_x, mean_y, var_x, var_y, cov = _statistics(sums)
    return _where_any(n, np.sqrt(np.maximum(var_x + var_y - 2 * cov + (mean_x - mean_y) ** 2, 0.0)))


def bias_of(sums: npt.ArrayLike) -> Floats:
    """Mean of predicted − true, in the attribute's units. Zero is best.

    Args:
        sums: `(..., 6)`, see `moments`.

    Returns:
        `(...)`, NaN where there are no pairs.
    """
    n, mean_x, mean_y, *_ = _statistics(sums)
    return _where_any(n, mean_y - mean_x)


def calibration_slope_of(sums: npt.ArrayLike) -> Floats:
    """Slope of the regression of truth on prediction. One is best; above one the predictions spread too little.

    Args:
        sums: `(..., 6)`, see `moments`.

    Returns:
        `(...)`; 0 where predictions are constant, NaN where there are no pairs.
    """
    n, _, _, _, var_y, cov = _statistics(sums)
    return _where_any(n, _divide(cov, var_y, empty=0.0))


def concordance(true: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Concordance correlation coefficient of one attribute; see `concordance_of`.

    Args:
        true: `(N,)`, finite.
        predicted: `(N,)`, finite.

    Returns:
        −1 to 1; 0.0 where either is constant, NaN where N is 0.
    """
    truth = np.asarray(true, np.float64)
    return float(concordance_of(moments(truth, predicted, centre=float(truth.mean()) if truth.size else 0.0)))


def _statistics(sums: npt.ArrayLike) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    n, x, y, xx, yy, xy = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    mean_x, mean_y, square_x, square_y = (_divide(values, n, empty=0.0) for values in (x, y, xx, yy))
    var_x, var_y = square_x - mean_x**2, square_y - mean_y**2
    varies_x, varies_y = var_x > CONSTANT * square_x, var_y > CONSTANT * square_y
    cov = np.where(varies_x & varies_y, _divide(xy, n, empty=0.0) - mean_x * mean_y, 0.0)
    return n, mean_x, mean_y, np.where(varies_x, var_x, 0.0), np.where(varies_y, var_y, 0.0), cov


def _hits(matrix: Floats) -> Floats:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _divide(numerator: Floats, denominator: Floats, empty: float) -> Floats:
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    return np.divide(numerator, denominator, out=np.full(shape, empty), where=denominator != 0)


def _where_any(n: Floats, values: Floats) -> Floats:
    return np.where(n > 0, values, np.nan)


def softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return `exp(logits)` normalised over the last axis, safe for large values."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    normalised: npt.NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return normalised
