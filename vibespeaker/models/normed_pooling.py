"""Pooling whose result is brought to zero mean and unit variance over the training part.

Hand-made descriptors have large constant parts and unequal scales; layer norm over an embedding keeps the constant
parts and lets the rest drown. Batch norm behind attentive pooling is ECAPA-TDNN's remedy (Desplanques et al. 2020).
"""

from collections.abc import Callable

from torch import Tensor, nn

from vibespeaker.batch import Frames
from vibespeaker.models.pooling import AttentiveStatisticsPooling, Pooling


class NormedPooling(Pooling):
    """Another pooling, then batch norm without learned scale.

    While training every batch must hold at least two utterances.

    Args:
        dim: width of a frame.
        pooling: from a frame's width to the pooling whose result is normed.
        dropout: probability of dropping a value of the normed result while training.
    """

    def __init__(
        self, dim: int, pooling: Callable[[int], Pooling] = AttentiveStatisticsPooling, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.pooling = pooling(dim)
        self.output_dim = self.pooling.output_dim
        self.norm = nn.BatchNorm1d(self.output_dim, affine=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: Frames) -> Tensor:
        """Pool `(batch, frames, dim)` into `(batch, output_dim)`, float32."""
        normed: Tensor = self.dropout(self.norm(self.pooling(frames)))
        return normed
