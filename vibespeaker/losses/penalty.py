"""A penalty on the size of weights, beside whatever loss is minimised."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import NOT_NEGATIVE, require


@dataclass(frozen=True)
class WeightPenalty:
    """`l1 · Σ |w| + l2 · Σ w²` over all trained matrices and kernels; biases and norms do not count.

    Under Adam this is not the same as the optimiser's weight decay, which is not scaled by the gradients' size.

    Args:
        l1: of absolute values.
        l2: of squares.

    Raises:
        ConfigError: one is negative.
    """

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        require(NOT_NEGATIVE, l1=self.l1, l2=self.l2)

    def __call__(self, parameters: Iterable[nn.Parameter]) -> Tensor:
        """Return the penalty of parameters, a scalar."""
        kernels = [weight for weight in parameters if weight.requires_grad and weight.ndim > 1]
        terms = [self.l1 * weight.abs().sum() + self.l2 * weight.square().sum() for weight in kernels]
        return torch.stack(terms).sum() if terms else torch.zeros(())
