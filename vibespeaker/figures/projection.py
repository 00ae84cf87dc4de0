"""Vectors as points of a map: their principal components, or a t-SNE by scikit-learn."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Method = Literal["pca", "t-sne"]
Values = npt.NDArray[np.float64]

#: Components that t-SNE starts from: distances in them are those of the data, less noise.
_COMPONENTS = 50
_PERPLEXITY = 30.0
#: Fewer points have no neighbourhoods that t-SNE could keep.
_FEWEST = 5


@dataclass(frozen=True, eq=False)
class Projection:
    """Points of a map.

    Args:
        points: `(N, 2)`.
        axes: what the two axes are.
    """

    points: Values
    axes: tuple[str, str]


def standardized(vectors: npt.ArrayLike) -> Values:
    """Return vectors whose values all have zero mean and unit variance, `(N, dim)`; values that never change are 0."""
    values = np.asarray(vectors, dtype=np.float64)
    deviation = values.std(axis=0)
    moves = deviation > 1e-12 * np.maximum(1.0, np.abs(values).max(axis=0, initial=0.0))
    return np.where(moves, (values - values.mean(axis=0)) / np.where(moves, deviation, 1.0), 0.0)


def project(vectors: npt.ArrayLike, method: Method = "pca", seed: int = 0) -> Projection:
    """Return a map of vectors, whose values are brought to zero mean and unit variance before.

    Args:
        vectors: `(N, dim)`, finite, of any scale.
        method: `pca`, the two directions of most variance; or `t-sne`, which keeps neighbours together and
            whose distances and axes mean nothing. Fewer than five points are always projected by `pca`.
        seed: of t-SNE, 0 to 2³² - 1.
    """
    values = standardized(vectors)
    if method == "pca" or len(values) < _FEWEST:
        points, shares = _principal(values, 2)
        first, second = (f"component {number} ({share:.0%} of variance)" for number, share in enumerate(shares, 1))
        return Projection(points, (first, second))
    from sklearn.manifold import TSNE

    start, _ = _principal(values, _COMPONENTS)
    perplexity = min(_PERPLEXITY, (len(values) - 1) / 3)
    found = TSNE(2, perplexity=perplexity, init="pca", random_state=seed, n_jobs=1).fit_transform(start)
    return Projection(np.asarray(found, dtype=np.float64), ("t-SNE 1", "t-SNE 2"))


def _principal(values: Values, count: int) -> tuple[Values, Values]:
    """Return `(N, count)` components of values with zero mean, zeros where there are fewer, and variances' shares.

    By NumPy: importing scikit-learn takes a second, more than a report needs for all else that it draws.
    """
    possible = min(count, *values.shape)
    points, shares = np.zeros((len(values), count)), np.zeros(count)
    if len(values) > 1 and values.any():
        left, singular, right = np.linalg.svd(values, full_matrices=False)
        # of each direction the largest value is positive, or its sign would be left to chance
        signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])
        points[:, :possible] = (left * singular * signs)[:, :possible]
        shares[:possible] = np.square(singular[:possible]) / np.square(singular).sum()
    return points, shares
