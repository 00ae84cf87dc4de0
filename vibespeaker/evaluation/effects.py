"""Effect sizes: how far a feature tells groups of utterances apart, on scales that do not depend on its unit."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


def explained_variance(values: Values, codes: Codes) -> Values:
    """Return ε² of each column: the share of its variance that lies between groups, corrected for chance.

    `1 - (1 - η²)(N - 1) / (N - k)` (Kelley 1935): 0 on average where groups do not matter, 1 where they say all;
    below 0 by chance. NaN where a column never changes, where there are fewer than two groups, or where each row is a
    group of its own.

    Args:
        values: `(N, columns)`.
        codes: `(N,)` the group of each row, negative where it is unknown: such rows do not count.
    """
    known = values[codes >= 0]
    groups, of_row, sizes = np.unique(codes[codes >= 0], return_inverse=True, return_counts=True)
    if len(groups) < 2 or len(known) <= len(groups):
        return np.full(values.shape[1], np.nan)
    centred = known - known.mean(axis=0)
    sums = np.zeros((len(groups), values.shape[1]))
    np.add.at(sums, of_row, centred)
    total = np.square(centred).sum(axis=0)
    between = (np.square(sums) / sizes[:, None]).sum(axis=0)
    moves = total > 1e-12 * np.maximum(1.0, np.square(known).sum(axis=0))
    share = np.divide(between, total, out=np.full_like(total, np.nan), where=moves)
    found: Values = 1.0 - (1.0 - share) * (len(known) - 1) / (len(known) - len(groups))
    return found


def standardized_differences(values: Values, codes: Codes, classes: int) -> Values:
    """Return Hedges' g of each class against all others, `(columns, classes)`.

    The difference of means by their pooled standard deviation, times `1 - 3 / (4 (N - 2) - 1)` (Hedges 1981). NaN where
    a class or the rest has fewer than two rows, or a column never changes.

    Args:
        values: `(N, columns)`.
        codes: `(N,)` class positions, negative where it is unknown: such rows do not count.
        classes: how many there are.
    """
    known, of_row = values[codes >= 0], codes[codes >= 0]
    found = np.full((values.shape[1], classes), np.nan)
    for code in range(classes):
        inside, outside = known[of_row == code], known[of_row != code]
        if min(len(inside), len(outside)) < 2:
            continue
        freedom = len(known) - 2
        squares = len(inside) * inside.var(axis=0) + len(outside) * outside.var(axis=0)
        deviation = np.sqrt(squares / freedom)
        moves = deviation > 1e-9 * np.maximum(1.0, np.abs(known).max(axis=0))
        difference = (inside.mean(axis=0) - outside.mean(axis=0)) * (1 - 3 / (4 * freedom - 1))
        found[:, code] = np.divide(difference, deviation, out=np.full_like(difference, np.nan), where=moves)
    return found


def neighbours_alike(vectors: Values, codes: Codes) -> tuple[float, float]:
    """Return how often the nearest other utterance is of the same group, and how often it would be by chance.

    Args:
        vectors: `(N, dim)`, values of comparable scale.
        codes: `(N,)` groups, negative where unknown: such rows do not count.

    Returns:
        Two shares, NaN where there are fewer than two known rows.
    """
    known, of_row = vectors[codes >= 0], codes[codes >= 0]
    if len(known) < 2:
        return float("nan"), float("nan")
    squares = np.square(known).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2.0 * (known @ known.T)
    np.fill_diagonal(distances, np.inf)
    alike = of_row[distances.argmin(axis=1)] == of_row
    sizes = np.unique(of_row, return_counts=True)[1]
    chance = float((sizes * (sizes - 1)).sum() / (len(known) * (len(known) - 1)))
    return float(alike.mean()), chance


def codes_of(groups: Sequence[str | None], classes: Sequence[str] | None = None) -> Codes:
    """Return `(N,)` positions of groups among `classes`, or among all that occur; −1 for None and for others."""
    names = sorted({group for group in groups if group is not None}) if classes is None else classes
    places = {name: place for place, name in enumerate(names)}
    return np.array([-1 if group is None else places.get(group, -1) for group in groups], dtype=np.int64)
