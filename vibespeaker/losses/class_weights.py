"""Class weights: from the training split's counts, from the validation split's confusions, or as given.

Neither ever comes from the split that is scored in the end. A class that does not occur gets the weight 0 when weights
come from counts: it cannot be a training target, and in validation it then neither counts nor divides by zero.
"""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor

from vibespeaker.arguments.ranges import NOT_NEGATIVE, SHARE_BELOW_ONE, require, require_each
from vibespeaker.errors import ConfigError


class ClassWeighting(ABC):
    """A rule that turns statistics into one weight per class.

    Attributes:
        source: what `weights` takes: `counts` `(classes,)` of the training split; a `confusion` matrix of the
            validation split, `(classes, classes)` with true classes in rows; or `nothing`.
    """

    source: Literal["counts", "confusion", "nothing"]

    @abstractmethod
    def weights(self, statistics: Tensor) -> Tensor:
        """Return weights `(classes,)`, float32, at least 0."""


class InverseFrequency(ClassWeighting):
    """`(N / (C · n_c)) ** power`, with N utterances in C classes that occur, n_c of them in class c.

    Args:
        power: 1 is the inverse frequency; 0.5 its square root, which many challenge systems found better.
    """

    source = "counts"

    def __init__(self, power: float = 1.0) -> None:
        require(NOT_NEGATIVE, power=power)
        self.power = power

    def weights(self, statistics: Tensor) -> Tensor:
        """Return the weights of classes with the counts `(classes,)`."""
        counts, present = _checked_counts(statistics)
        balanced = counts.sum() / (present.sum() * counts)
        return torch.where(present, balanced**self.power, 0.0).float()


class EffectiveNumber(ClassWeighting):
    """`(1 − β) / (1 − β^n_c)` (Cui et al. 2019), scaled so that the weights of classes that occur average 1.

    Args:
        beta: within [0, 1): 0 weighs all classes alike, towards 1 it becomes the inverse frequency.

    Raises:
        ConfigError: beta is outside its range.
    """

    source = "counts"

    def __init__(self, beta: float = 0.999) -> None:
        require(SHARE_BELOW_ONE, beta=beta)
        self.beta = beta

    def weights(self, statistics: Tensor) -> Tensor:
        """Return the weights of classes with the counts `(classes,)`."""
        counts, present = _checked_counts(statistics)
        effective = torch.where(present, (1 - self.beta) / (1 - self.beta**counts), 0.0)
        return (effective * present.sum() / effective.sum()).float()


class Misclassification(ClassWeighting):
    """`1 + strength · (share of the class's validation utterances that were misclassified)`, scaled to average 1.

    Classes that the validation split lacks are taken as misclassified as often as the others on average.

    Args:
        strength: at least 0; at 1 a class that is always missed weighs twice one that never is.

    Raises:
        ConfigError: strength is negative.
    """

    source = "confusion"

    def __init__(self, strength: float = 1.0) -> None:
        require(NOT_NEGATIVE, strength=strength)
        self.strength = strength

    def weights(self, statistics: Tensor) -> Tensor:
        """Return the weights of classes with the confusion matrix `(classes, classes)`, true classes in rows."""
        confusion = statistics.double()
        if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1] or not confusion.sum() > 0:
            raise ConfigError(
                "weights by misclassification need a square confusion matrix with counts", found=statistics.tolist()
            )
        totals = confusion.sum(1)
        missed = 1 - confusion.diagonal() / totals.clamp(min=1)
        missed = torch.where(totals > 0, missed, missed[totals > 0].mean())
        raw = 1 + self.strength * missed
        return (raw / raw.mean()).float()


class FixedWeights(ClassWeighting):
    """Weights as given.

    Args:
        values: one weight per class, at least 0, in the label set's order.

    Raises:
        ConfigError: a weight is negative or all are 0.
    """

    source = "nothing"

    def __init__(self, values: list[float]) -> None:
        require_each(NOT_NEGATIVE, "values", enumerate(values))
        if not any(values):
            raise ConfigError("class weights are not all 0", found=values)
        self.values = values

    def weights(self, statistics: Tensor) -> Tensor:
        """Return the weights as given; `statistics` is not read."""
        return torch.tensor(self.values, dtype=torch.float32)


def _checked_counts(counts: Tensor) -> tuple[Tensor, Tensor]:
    if counts.ndim != 1 or not counts.sum() > 0 or counts.min() < 0:
        raise ConfigError("class weights need one training count per class, not all 0", found=counts.tolist())
    return counts.double(), counts > 0
