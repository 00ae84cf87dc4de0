"""How members are combined for one head: a weighted mean or a vote, and the score that selections go by.

Categories are averaged as probabilities, not logits: the combined logit is the logarithm of the weighted mean of the
members' softmax probabilities. Attributes are averaged as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from vibespeaker.ensemble.means import weighted_mean
from vibespeaker.ensemble.stack import Stack
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.metrics import concordance, confusion_matrix, macro_f1

#: How much the mean probability counts beside a tally of votes: it decides ties and nothing else.
TIE_BREAK = 1e-3

Values = npt.NDArray[np.float64]


class Combiner(Protocol):
    """Combines the members' predictions for one head."""

    def apply(self, stack: Stack) -> Values:
        """Return `(N, C)` probabilities for categories, `(N, 1)` values for an attribute."""

    def record(self) -> dict[str, Any]:
        """Return what the ensemble's metadata keeps: members, weights or coefficients."""


@dataclass(frozen=True)
class Weighted:
    """Mean of the members that have the head, by weight.

    Args:
        head: `categories` or an attribute.
        members: names, in the order of the stack.
        weights: one per member, not negative, at least one positive; 0 leaves a member out.
        vote: for categories, count each member's best class instead of its probabilities; ties go to the class with
            the higher mean probability.
        by_confidence: for categories, let each member also weigh, utterance by utterance, as much as it is sure: by
            the probability of its best class.
    """

    head: str
    members: tuple[str, ...]
    weights: tuple[float, ...]
    vote: bool = False
    by_confidence: bool = False

    def apply(self, stack: Stack) -> Values:
        """Return `(N, C)` probabilities for categories, `(N, 1)` values for an attribute."""
        values = stack.head(self.head)
        if stack.silent is not None or (self.by_confidence and self.head == "categories"):
            return mean_by_row(values, self.shares(stack))
        mean = weighted_mean(list(values), self.weights)
        if not (self.vote and self.head == "categories"):
            return mean
        ballots = np.eye(values.shape[2])[values.argmax(axis=2)]
        return _normalised(weighted_mean(list(ballots), self.weights) + TIE_BREAK * mean)

    def shares(self, stack: Stack) -> Values:
        """Return `(M, N)`, what each member counts for in each utterance; the members' shares of one add up to 1."""
        weights = np.repeat(np.array(self.weights, np.float64)[:, None], len(stack), axis=1)
        if self.by_confidence and self.head == "categories":
            weights *= np.nan_to_num(stack.probabilities.max(axis=2))
        return speaking_shares(weights, stack.silent)

    def record(self) -> dict[str, Any]:
        """Return the members in use with their share of the whole."""
        shares = np.array(self.weights) / np.sum(self.weights)
        return {"weights": {name: float(share) for name, share in zip(self.members, shares, strict=True) if share > 0}}


def score(head: str, values: Values, truth: Values, scored: Sequence[int] = ()) -> float:
    """Return what selections go by: macro-F1 of the scored classes for categories, CCC for an attribute.

    Args:
        head: `categories` or an attribute.
        values: `(N, C)` probabilities, or `(N, 1)` values.
        truth: `(N,)`, class indices below C, or the true values.
        scored: the classes that count (see `Stack`), all by default; the most probable of them is the prediction.
    """
    if head in ATTRIBUTES:
        return concordance(truth, values[:, 0])
    classes = np.array(scored or range(values.shape[1]))
    position = np.full(values.shape[1], -1)
    position[classes] = np.arange(len(classes))
    predicted = values[:, classes].argmax(axis=1)
    return float(macro_f1(confusion_matrix(position[truth.astype(np.int64)], predicted, len(classes))))


def uniform(head: str, stack: Stack, among: Sequence[str] | None = None, vote: bool = False) -> Weighted | None:
    """Return the plain mean of the members that have the head, or of some of them; None where no member has it.

    Args:
        head: `categories` or an attribute.
        stack: the members.
        among: names to use; each must have the head.
        vote: see `Weighted`.
    """
    having = stack.having(head)
    if among is not None:
        having &= np.isin(stack.names, among)
    if not having.any():
        return None
    return Weighted(head, stack.names, tuple(having.astype(float)), vote)


def speaking_shares(weights: Values, silent: npt.NDArray[np.bool_] | None) -> Values:
    """Return weights by utterance as shares among the members that have something to go by.

    Args:
        weights: `(M, N)`, not negative, some of each utterance positive.
        silent: see `Stack`. Where all members that weigh anything are silent, they count as if they were not.

    Returns:
        `(M, N)`; each column adds up to 1.
    """
    if silent is not None:
        heard = np.where(silent, 0.0, weights)
        weights = np.where(heard.sum(axis=0) > 0, heard, weights)
    shares: Values = weights / weights.sum(axis=0)
    return shares


def mean_by_row(values: Values, shares: Values) -> Values:
    """Return `(N, C)`, the mean of the members' values `(M, N, C)` by their shares `(M, N)`; a share of 0 meets NaN."""
    used = shares > 0
    mean: Values = np.einsum("mn,mnc->nc", shares, np.where(used[:, :, None], values, 0.0))
    return mean


def _normalised(values: Values) -> Values:
    normalised: Values = values / values.sum(axis=1, keepdims=True)
    return normalised
