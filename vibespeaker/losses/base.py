"""What every loss is, and the weighted sum of several: equation (1) of the challenge system."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import NOT_NEGATIVE, require_each
from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.errors import ConfigError
from vibespeaker.labels.heads import ATTRIBUTES_HEAD, CATEGORIES_HEAD, HEADS


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
    """One term of the training objective; it sees the outputs and targets of the whole batch, of all processes.

    Attributes:
        requires: heads of the model it reads: `categories`, `attributes` or further ones by name.
        needs_class_counts: True when `set_class_counts` must be called before the first batch.
        needs_confusion: True when `set_confusion` must be called before the first batch.
    """

    requires: tuple[str, ...]
    needs_class_counts: bool = False
    needs_confusion: bool = False

    @abstractmethod
    def forward(self, output: EmotionOutput, batch: EmotionBatch) -> LossParts:
        """Compare a model's output with the batch's targets; utterances without the target do not count.

        Raises:
            ConfigError: the model lacks a required head.
        """

    def set_class_counts(self, counts: Tensor) -> None:
        """Take the number of training utterances of each class, `(classes,)`; most losses ignore it."""

    def set_confusion(self, confusion: Tensor) -> None:
        """Take a validation confusion matrix `(classes, classes)`, rows true; most losses ignore it."""


class MultiTaskLoss(nn.Module):
    """A weighted sum of losses: `α · L_reg + β · L_class` and whatever else a config adds.

    Args:
        terms: name → loss.
        weights: name → weight of at least 0, the same names. A term of weight 0 is computed for the log only.

    Raises:
        ConfigError: names differ, a weight is negative or all are 0.
    """

    def __init__(self, terms: dict[str, Loss], weights: dict[str, float]) -> None:
        super().__init__()
        if set(terms) != set(weights):
            raise ConfigError(
                "a multi-task loss needs one weight for each of its terms", found=sorted(weights), allowed=sorted(terms)
            )
        require_each(NOT_NEGATIVE, "weights", weights.items())
        if not any(weights.values()):
            raise ConfigError("weights of losses are not all 0", found=weights)
        self.terms = nn.ModuleDict(terms)
        self.weights = {name: float(weights[name]) for name in terms}

    @property
    def losses(self) -> dict[str, Loss]:
        """The terms by name."""
        return {name: term for name, term in self.terms.items() if isinstance(term, Loss)}

    @property
    def requires(self) -> tuple[str, ...]:
        """Heads that the model must have, sorted."""
        return self._heads_of(self.losses.values())

    @property
    def trains(self) -> tuple[str, ...]:
        """Heads that a term of weight above 0 trains, sorted."""
        return self._heads_of(term for name, term in self.losses.items() if self.weights[name] > 0)

    @property
    def needs_class_counts(self) -> tuple[str, ...]:
        """Heads of which a term waits for `set_class_counts`, sorted."""
        return self._heads_of(term for term in self.losses.values() if term.needs_class_counts)

    @property
    def needs_confusion(self) -> tuple[str, ...]:
        """Heads of which a term waits for `set_confusion`, sorted."""
        return self._heads_of(term for term in self.losses.values() if term.needs_confusion)

    @staticmethod
    def _heads_of(terms: Iterable[Loss]) -> tuple[str, ...]:
        return tuple(sorted({head for term in terms for head in term.requires}))

    def forward(self, output: EmotionOutput, batch: EmotionBatch) -> dict[str, LossParts]:
        """Return the parts of every term by name; those of weight 0 carry no gradient."""
        parts = {}
        for name, term in self.losses.items():
            with torch.set_grad_enabled(torch.is_grad_enabled() and self.weights[name] > 0):
                parts[name] = term(output, batch)
        return parts

    def total(self, parts: Mapping[str, LossParts]) -> Tensor:
        """Return the weighted sum of the terms' values, a scalar.

        Args:
            parts: what `forward` returned, its denominators possibly summed over processes.
        """
        values = [self.weights[name] * part.value for name, part in parts.items() if self.weights[name] > 0]
        return torch.stack(values).sum()

    def set_class_counts(self, counts: Tensor, head: str = CATEGORIES_HEAD) -> None:
        """Pass the number of training utterances of each class of a head, `(classes,)`, to the terms that read it."""
        for term in self.losses.values():
            if head in term.requires:
                term.set_class_counts(counts)

    def set_confusion(self, confusion: Tensor, head: str = CATEGORIES_HEAD) -> None:
        """Pass a validation confusion matrix of a head, `(classes, classes)`, rows true, to the terms that read it."""
        for term in self.losses.values():
            if head in term.requires:
                term.set_confusion(confusion)


def outputs_of(output: EmotionOutput, head: str) -> Tensor:
    """Return the outputs `(batch, outputs)` of a head in float32: logits or values.

    Raises:
        ConfigError: the model has no such head.
    """
    found = {CATEGORIES_HEAD: output.logits, ATTRIBUTES_HEAD: output.attributes, **output.heads}.get(head)
    if found is None:
        raise ConfigError(
            f"a loss reads the head {head!r}, which the model does not have",
            remedy=f"add {head} to the model's heads or drop the loss",
        )
    return found.float()


def targets_of(batch: EmotionBatch, head: str) -> Tensor:
    """Return the targets of a head, see `EmotionBatch`; those of `categories` are the consensus.

    Raises:
        ConfigError: the batch has none.
    """
    found = {CATEGORIES_HEAD: batch.category, ATTRIBUTES_HEAD: batch.attributes, **batch.targets}.get(head)
    if found is None:
        raise ConfigError(
            f"a loss reads the head {head!r}, which the data does not declare",
            allowed=(*HEADS, *batch.targets),
            remedy="declare it in data.init_args.heads",
        )
    return found
