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
    """

    head: str
    members: tuple[str, ...]
    weights: tuple[float, ...]
    vote: bool = False

    def apply(self, stack: Stack) -> Values:
        """Return `(N, C)` probabilities for categories, `(N, 1)` values for an attribute."""
        values = stack.head(self.head)
        mean = weighted_mean(list(values), self.weights)
        if not (self.vote and self.head == "categories"):
            return mean
        ballots = np.eye(values.shape[2])[values.argmax(axis=2)]
        return _normalised(weighted_mean(list(ballots), self.weights) + TIE_BREAK * mean)

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


def _normalised(values: Values) -> Values:
    normalised: Values = values / values.sum(axis=1, keepdims=True)
    return normalised
