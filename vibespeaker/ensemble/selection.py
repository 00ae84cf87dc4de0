"""Which members, by their scores on a labelled split: the k best, or greedy selection with replacement.

Greedy selection follows Caruana et al. (ICML 2004): start from nothing, add again and again the member whose addition
raises the score most, the same one as often as it helps, and keep the best of all ensembles met on the way. How often a
member was taken is its weight.
"""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from vibespeaker.ensemble.combiners import Values, Weighted, score
from vibespeaker.ensemble.stack import Stack


def top_k(
    head: str, stack: Stack, truth: Values, k: int, joined: Sequence[str] = (), apart: Collection[str] = ()
) -> Weighted | None:
    """Return the plain mean of the k members that score best, and of `joined`.

    Args:
        head: `categories` or an attribute.
        stack: the members on the labelled split.
        truth: `(N,)`, see `combiners.score`.
        k: how many win; all where there are fewer.
        joined: names that belong to the ensemble in any case, without competing.
        apart: names that do not compete.

    Returns:
        The ensemble; None where no member has the head. Ties go to the member given first.
    """
    scores = member_scores(head, stack, truth)
    competing = [i for i in np.argsort(-scores, kind="stable") if np.isfinite(scores[i])]
    best = [i for i in competing if stack.names[i] not in {*apart, *joined}][:k]
    chosen = np.isin(stack.names, list(joined))
    chosen[best] = True
    return Weighted(head, stack.names, tuple(chosen.astype(float))) if chosen.any() else None


def greedy(head: str, stack: Stack, truth: Values, rounds: int) -> Weighted | None:
    """Return the best ensemble that greedy selection with replacement meets.

    Args:
        head: `categories` or an attribute.
        stack: the members on the labelled split.
        truth: `(N,)`, see `combiners.score`.
        rounds: members added, counting repetitions.

    Returns:
        The ensemble; None where no member has the head. Ties go to the smaller ensemble and the member given first.
    """
    candidates = np.flatnonzero(stack.having(head))
    if not len(candidates):
        return None
    values = stack.head(head)
    total = np.zeros(values.shape[1:])
    counts = np.zeros(len(stack.names))
    best, best_counts = -np.inf, counts.copy()
    for size in range(1, rounds + 1):
        scores = [score(head, (total + values[member]) / size, truth, stack.scored) for member in candidates]
        winner = candidates[int(np.argmax(scores))]
        total += values[winner]
        counts[winner] += 1
        if max(scores) > best:
            best, best_counts = max(scores), counts.copy()
    return Weighted(head, stack.names, tuple(best_counts))


def member_scores(head: str, stack: Stack, truth: Values) -> npt.NDArray[np.float64]:
    """Return each member's own score, `(M,)`; NaN for a member without the head."""
    values, having = stack.head(head), stack.having(head)
    scores = [score(head, one, truth, stack.scored) if has else np.nan for one, has in zip(values, having, strict=True)]
    return np.array(scores)
