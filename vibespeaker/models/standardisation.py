"""Values of unequal scales to zero mean and unit variance over what was seen in training, as a scaler fitted on it.

Batch norm would add a constant to variances, which takes away features as small as the power of a quiet mel band.
"""

import torch
from torch import Tensor, nn

#: A deviation below this share of the mean is rounding.
_SMALLEST = 1e-6


class Standardisation(nn.Module):
    """Subtracts the mean of each feature and divides by its deviation, both over all training utterances seen so far.

    They are updated with every training batch (Chan et al. 1983), without gradient, and stay as they are in evaluation.
    Features that are constant become zero. Until the first batch nothing changes.

    Args:
        dim: number of features.
    """

    count: Tensor
    mean: Tensor
    squares: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("squares", torch.zeros(dim))  # sum of squared deviations from the mean

    def forward(self, values: Tensor) -> Tensor:
        """Map `(batch, dim)` to standardised `(batch, dim)`, float32."""
        values = values.float()
        if self.training:
            self._take(values.detach())
        seen = self.count.clamp(min=1)
        deviation = torch.where(self.count > 0, (self.squares / seen).sqrt(), 1.0)
        is_constant = deviation <= _SMALLEST * self.mean.abs()
        standard = (values - self.mean) / torch.where(is_constant, 1.0, deviation)
        return standard.masked_fill(is_constant & (self.count > 0), 0.0)

    def reset(self) -> None:
        """Forget what was seen."""
        for buffer in (self.count, self.mean, self.squares):
            buffer.zero_()

    @torch.no_grad()
    def _take(self, values: Tensor) -> None:
        before, more = self.count.float(), len(values)
        mean = values.mean(0)
        shift = mean - self.mean
        self.squares += (values - mean).square().sum(0) + shift.square() * (before * more / (before + more))
        self.mean += shift * (more / (before + more))
        self.count += more
