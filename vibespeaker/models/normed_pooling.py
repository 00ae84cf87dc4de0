"""Pooling whose result is brought to zero mean and unit variance over the training split.

Acoustic descriptors have large constant offsets and unequal scales; layer norm over an embedding keeps the constant
offsets, which outweigh the rest. Batch norm after attentive pooling is ECAPA-TDNN's remedy (Desplanques et al. 2020).
"""

import math
from collections.abc import Callable

from torch import Tensor, nn

from vibespeaker.arguments.ranges import SHARE_BELOW_ONE, require
from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError
from vibespeaker.models.dropout import Dropout
from vibespeaker.models.pooling import AttentiveStatisticsPooling, Pooling


class NormedPooling(Pooling):
    """Another pooling, then batch norm without learned scale.

    While training every batch must hold at least two utterances.

    Args:
        dim: width of a frame.
        pooling: from a frame's width to the pooling whose result is normed.
        dropout: probability of dropping a value of the normed result while training.
        limit: deviations from the mean that count; values beyond it, from one unusual recording, are clipped to it.

    Raises:
        ConfigError: the limit is not above 0.
    """

    def __init__(
        self,
        dim: int,
        pooling: Callable[[int], Pooling] = AttentiveStatisticsPooling,
        dropout: float = 0.0,
        limit: float = math.inf,
    ) -> None:
        super().__init__()
        require(SHARE_BELOW_ONE, dropout=dropout)
        if not limit > 0:
            raise ConfigError("the limit of a normed pooling must be above 0", found=limit)
        self.limit = limit
        self.pooling = pooling(dim)
        self.output_dim = self.pooling.output_dim
        self.norm = nn.BatchNorm1d(self.output_dim, affine=False)
        self.dropout = Dropout(dropout)

    def forward(self, frames: Frames) -> Tensor:
        """Pool `(batch, frames, dim)` into `(batch, output_dim)`, float32."""
        normed: Tensor = self.norm(self.pooling(frames))
        return self.dropout(normed.clamp(-self.limit, self.limit))
