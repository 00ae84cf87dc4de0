"""Losses over a batch, each as numerator and denominator so that processes can sum both before they divide."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vibespeaker.batch import NO_CATEGORY, EmotionBatch, EmotionOutput
from vibespeaker.errors import ConfigError


class LossParts(NamedTuple):
    """A mean as its two sums, so that it can be taken over all processes.

    Args:
        numerator: scalar, float32, carries the gradient.
        denominator: scalar, float32, without gradient; 0 where the batch has no usable target.
    """

    numerator: Tensor
    denominator: Tensor

    @property
    def value(self) -> Tensor:
        """The loss, numerator / denominator; 0 (with zero gradients) where both are 0."""
        return self.numerator / torch.where(self.denominator > 0, self.denominator, 1.0)


class Loss(nn.Module, ABC):
    """One term of the training objective.

    Attributes:
        requires: heads of the model it reads, `categories` or `attributes`.
        needs_whole_batch: True when it is no mean over utterances: all processes' outputs and targets must be gathered
            first.
    """

    requires: tuple[str, ...]
    needs_whole_batch: bool = False

    @abstractmethod
    def forward(self, output: EmotionOutput, batch: EmotionBatch) -> LossParts:
        """Compare a model's output with the batch's targets; utterances without the target do not count."""

    def set_class_counts(self, counts: Tensor) -> None:
        """Take the number of training utterances of each class, `(classes,)`; only class-weighted losses use it."""

    def set_confusion(self, confusion: Tensor) -> None:
        """Take a validation confusion matrix `(classes, classes)`, rows true; only class-weighted losses use it."""


class AttributeMSE(Loss):
    """Mean squared error over the known attributes of all utterances."""

    requires = ("attributes",)

    def forward(self, output: EmotionOutput, batch: EmotionBatch) -> LossParts:
        """Return squared errors summed and their number, at most `3 * batch`."""
        assert output.attributes is not None
        predicted = output.attributes.float()
        known = ~batch.attributes.isnan()
        # a NaN that is masked after the square would still reach the gradient
        errors = torch.where(known, batch.attributes, predicted.detach()) - predicted
        return LossParts(errors.square().sum(), known.sum().float())


class CrossEntropy(Loss):
    """Cross-entropy with the consensus category."""

    requires = ("categories",)

    def forward(self, output: EmotionOutput, batch: EmotionBatch) -> LossParts:
        """Return the summed negative log-likelihoods and the number of labelled utterances."""
        assert output.logits is not None
        total = F.cross_entropy(output.logits.float(), batch.category, reduction="sum", ignore_index=NO_CATEGORY)
        return LossParts(total, (batch.category != NO_CATEGORY).sum().float())


class MultiTaskLoss(nn.Module):
    """A weighted sum of losses, equation (1) of the challenge system: `α · L_reg + β · L_class`.

    Args:
        terms: name → loss.
        weights: name → weight, the same names. A term of weight 0 is computed for the log, without gradient.
    """

    def __init__(self, terms: dict[str, Loss], weights: dict[str, float]) -> None:
        super().__init__()
        if not terms or set(terms) != set(weights):
            raise ConfigError(
                "a multi-task loss needs one weight a term", found=sorted(weights), allowed=sorted(terms) or "terms"
            )
        self.terms = nn.ModuleDict(terms)
        self.weights = {name: float(weights[name]) for name in terms}

    @property
    def losses(self) -> dict[str, Loss]:
        """The terms by name."""
        return {name: term for name, term in self.terms.items() if isinstance(term, Loss)}

    @property
    def requires(self) -> tuple[str, ...]:
        """Heads that the model must have, sorted."""
        return tuple(sorted({head for term in self.losses.values() for head in term.requires}))

    @property
    def needs_whole_batch(self) -> bool:
        """Whether any term is to see all processes' outputs and targets at once."""
        return any(term.needs_whole_batch for term in self.losses.values())

    def forward(self, output: EmotionOutput, batch: EmotionBatch) -> dict[str, LossParts]:
        """Return the parts of every term by name."""
        parts = {}
        for name, term in self.losses.items():
            with torch.set_grad_enabled(torch.is_grad_enabled() and self.weights[name] != 0):
                parts[name] = term(output, batch)
        return parts

    def total(self, parts: Mapping[str, LossParts]) -> Tensor:
        """Return the weighted sum of the terms' values, a scalar."""
        values = [self.weights[name] * part.value for name, part in parts.items() if self.weights[name] != 0]
        return torch.stack(values).sum() if values else torch.stack([p.value for p in parts.values()]).sum() * 0

    def set_class_counts(self, counts: Tensor) -> None:
        """Hand the number of training utterances of each class, `(classes,)`, to every term."""
        for term in self.losses.values():
            term.set_class_counts(counts)

    def set_confusion(self, confusion: Tensor) -> None:
        """Hand a validation confusion matrix `(classes, classes)`, rows true, to every term."""
        for term in self.losses.values():
            term.set_confusion(confusion)
