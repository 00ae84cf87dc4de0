"""Weights of members learned on a labelled split: of all that make a mean, those under which the truth is likeliest.

Categories: the members' probabilities are mixed, and the mixture's likelihood is a concave function of the weights, so
that expectation and maximisation find its one maximum (Dempster et al. 1977); every class weighs the same, as macro-F1
has it. Attributes: the weighted mean with the least squared error, by non-negative least squares. Utterances in which a
member has nothing to go by say nothing about what it should weigh, and are left out.
"""

import numpy as np

from vibespeaker.ensemble.combiners import Values, Weighted
from vibespeaker.ensemble.means import LEAST_PROBABILITY
from vibespeaker.ensemble.stack import Stack

#: Steps that are enough for a change of weights below the tolerance.
_STEPS, _TOLERANCE = 2000, 1e-7
#: What the condition that weights add up to 1 weighs beside one utterance of error 1.
_SUM_TO_ONE = 1e3


def learned_weights(head: str, stack: Stack, truth: Values) -> Weighted | None:
    """Learn one weight for each member that has the head.

    Args:
        head: `categories` or an attribute.
        stack: the members on the labelled split.
        truth: `(N,)`, class indices, or the true values.

    Returns:
        The mean; None where no member has the head, or no utterance is left.
    """
    having = stack.having(head)
    rows = speaking_rows(stack)
    if not having.any() or not len(rows):
        return None
    values = stack.head(head)[having][:, rows]
    if head == "categories":
        found = _mixture(values, truth[rows].astype(np.int64))
    else:
        found = _least_squares(values[:, :, 0], truth[rows])
    weights = np.zeros(len(stack.names))
    weights[having] = found
    return Weighted(head, stack.names, tuple(weights.tolist()))


def speaking_rows(stack: Stack) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the utterances in which every member has something to go by."""
    if stack.silent is None:
        return np.arange(len(stack))
    return np.flatnonzero(~stack.silent.any(axis=0))


def class_balance(truth: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Values:
    """Return `(N,)`, what each utterance counts for so that all classes that occur weigh the same; the mean is 1."""
    counts = np.bincount(truth).astype(np.float64)
    balance: Values = len(truth) / (np.count_nonzero(counts) * counts[truth])
    return balance


def _mixture(probabilities: Values, truth: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Values:
    """Return `(M,)` weights by expectation and maximisation, from `(M, N, C)` and class indices `(N,)`."""
    of_truth = np.maximum(probabilities[:, np.arange(len(truth)), truth], LEAST_PROBABILITY)
    balance = class_balance(truth) / len(truth)
    weights = np.full(len(of_truth), 1 / len(of_truth))
    for _ in range(_STEPS):
        responsible = weights[:, None] * of_truth
        updated = (responsible / responsible.sum(axis=0)) @ balance
        moved = float(np.abs(updated - weights).max())
        weights = updated
        if moved < _TOLERANCE:
            break
    return weights


def _least_squares(values: Values, truth: Values) -> Values:
    """Return `(M,)` weights, none negative, that add up to 1, from `(M, N)` values and the truth `(N,)`."""
    from scipy.optimize import nnls

    heavy = _SUM_TO_ONE * np.sqrt(len(truth))
    found, _ = nnls(np.vstack([values.T, np.full((1, len(values)), heavy)]), np.append(truth, heavy))
    weights: Values = found / found.sum()
    return weights
