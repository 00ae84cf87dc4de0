"""Pooling: a sequence of frames becomes one embedding, whatever its length and padding."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vibespeaker.batch import Frames

#: Floor of variances, the published implementation's; below it a deviation is 1e-6 and passes no gradient.
VARIANCE_FLOOR = 1e-12


class Pooling(nn.Module, ABC):
    """A module from frames to `(batch, output_dim)`; padding never changes the result.

    Attributes:
        output_dim: width of the pooled embedding.
    """

    output_dim: int

    @abstractmethod
    def forward(self, frames: Frames) -> Tensor:
        """Pool `(batch, frames, dim)` into `(batch, output_dim)`, float32."""


class MeanPooling(Pooling):
    """Average over real frames, in float32.

    Args:
        dim: width of a frame.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.output_dim = dim

    def forward(self, frames: Frames) -> Tensor:
        """Pool `(batch, frames, dim)` into `(batch, dim)`."""
        mask = frames.mask()[:, :, None]
        values = frames.values.float().masked_fill(~mask, 0.0)
        return values.sum(1) / frames.lengths[:, None].to(values.device)


class AttentiveStatisticsPooling(Pooling):
    """Weighted mean and standard deviation over real frames, the weights from a small attention network.

    Args:
        dim: width of a frame.
        attention_dim: width of the attention network's hidden layer.
        per_channel: True gives every channel its own weights (ECAPA-TDNN, Desplanques 2020); False gives one weight a
            frame (Okabe 2018).
        global_context: whether the attention network also sees the utterance's mean and deviation (ECAPA-TDNN).
    """

    def __init__(
        self, dim: int, attention_dim: int = 128, per_channel: bool = True, global_context: bool = True
    ) -> None:
        super().__init__()
        self.output_dim = 2 * dim
        self.frame = nn.Linear(dim, attention_dim)
        self.context = nn.Linear(2 * dim, attention_dim, bias=False) if global_context else None
        self.norm = nn.BatchNorm1d(attention_dim)
        # no bias: it would add the same to all frames' scores and cancel in the softmax
        self.score = nn.Linear(attention_dim, dim if per_channel else 1, bias=False)

    def forward(self, frames: Frames) -> Tensor:
        """Pool `(batch, frames, dim)` into means and deviations `(batch, 2 * dim)`."""
        mask = frames.mask()  # (batch, frames)
        values = frames.values.float().masked_fill(~mask[:, :, None], 0.0)
        hidden = self.frame(values)  # (batch, frames, attention_dim)
        if self.context is not None:
            uniform = mask[:, :, None] / frames.lengths[:, None, None].to(values.device)
            hidden = hidden + self.context(_statistics(values, uniform))[:, None]
        activated = F.relu(hidden)
        normed = torch.zeros_like(activated).masked_scatter(mask[:, :, None], self.norm(activated[mask]))
        scores = self.score(torch.tanh(normed)).masked_fill(~mask[:, :, None], float("-inf"))
        return _statistics(values, scores.softmax(1))


def _statistics(values: Tensor, weights: Tensor) -> Tensor:
    mean = (weights * values).sum(1)
    variance = (weights * (values - mean[:, None]).square()).sum(1)
    return torch.cat((mean, variance.clamp(VARIANCE_FLOOR).sqrt()), dim=1)
