"""An utterance's embedding from acoustic descriptors: a small trainable time-delay network beside plain statistics.

The network sees how a voice changes over time, whatever its level and channel: its input is centred per utterance. What
centring takes away, such as absolute pitch, level and timbre, comes in by the descriptors' own mean and deviation.

Shapes, for B utterances of T frames, `dim` D, `channels` C, `output_dim` of the aggregation A, stride 2:

| step                                         | shape             |
|----------------------------------------------|-------------------|
| descriptors, centred, masked                 | `(B, D, T)`       |
| convolution of 5 frames, stride 2            | `(B, C, T / 2)`   |
| gated residual blocks, all outputs joined    | `(B, 3·C, T / 2)` |
| aggregation                                  | `(B, A, T / 2)`   |
| attentive statistics, and statistics of D    | `(B, 2·A + 2·D)`  |
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import SHARE_BELOW_ONE, WIDTH, Range, require, require_each
from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError
from vibespeaker.models.dropout import Dropout
from vibespeaker.models.frame_networks import FrameNetwork, Unchanged
from vibespeaker.models.masked_norm import norm_relu
from vibespeaker.models.pooling import AttentiveStatisticsPooling, Pooling, StatisticsPooling

#: Frames between taps, or from output to output: a convolution pads its input by as many.
_FRAMES = Range(1, 1000, whole=True)


class VoiceEmbedding(Pooling):
    """Time-delay network with squeeze-and-excitation and multi-layer aggregation, pooled, and the input's statistics.

    After ECAPA-TDNN (Desplanques et al. 2020), with one dilated convolution per block in place of a Res2Net, so that
    hundreds of clips are enough to train it and a processor core suffices. In training, batch norm uses the batch's
    real frames alone; in evaluation neither padding nor the batch changes a result.

    Args:
        dim: width of a frame.
        channels: width of the blocks.
        aggregated: width of the aggregated frames that are pooled.
        dilations: one block for each, with that many frames between the convolution's three taps.
        stride: frames from one output of the first convolution to the next.
        squeeze_dim: width of the gates' hidden layer.
        attention_dim: width of the pooling's attention.
        dropout: probability of dropping a value of a block's output.
        statistics: whether mean and deviation of the uncentred descriptors are appended to the embedding.
        masking: from the width of a frame to a network that runs first, such as `FrameMasking`.

    Raises:
        ConfigError: there is no block, or a size is out of range.
    """

    def __init__(
        self,
        dim: int,
        channels: int = 128,
        aggregated: int = 256,
        dilations: tuple[int, ...] = (1, 2, 3),
        stride: int = 2,
        squeeze_dim: int = 32,
        attention_dim: int = 64,
        dropout: float = 0.1,
        statistics: bool = True,
        masking: Callable[[int], FrameNetwork] | None = None,
    ) -> None:
        super().__init__()
        if not dilations:
            raise ConfigError("a voice embedding has at least one block", found="no dilations")
        require(WIDTH, channels=channels, aggregated=aggregated, squeeze_dim=squeeze_dim, attention_dim=attention_dim)
        require(_FRAMES, stride=stride)
        require_each(_FRAMES, "dilations", enumerate(dilations))
        require(SHARE_BELOW_ONE, dropout=dropout)
        self.stride = stride
        self.masking = Unchanged(dim) if masking is None else masking(dim)
        self.enter = _Convolution(dim, channels, 5, stride=stride)
        self.blocks = nn.ModuleList(_Block(channels, dilation, squeeze_dim, dropout) for dilation in dilations)
        self.aggregate = _Convolution(channels * len(dilations), aggregated, 1)
        self.pooling = AttentiveStatisticsPooling(aggregated, attention_dim, batch_norm=False)
        self.statistics = StatisticsPooling(dim) if statistics else None
        self.output_dim = self.pooling.output_dim + (0 if self.statistics is None else self.statistics.output_dim)

    def forward(self, frames: Frames) -> Tensor:
        """Pool `(batch, frames, dim)` into `(batch, output_dim)`, float32."""
        frames = Frames(frames.values.to(torch.float32), frames.lengths.to(frames.values.device))
        pooled = self.pooling(self._move(self.masking(_centred(frames))))
        return pooled if self.statistics is None else torch.cat((pooled, self.statistics(frames)), dim=1)

    def _move(self, frames: Frames) -> Frames:
        """Return `(batch, ceil(frames / stride), aggregated)`."""
        values = frames.values.masked_fill(~frames.mask()[:, :, None], 0.0).transpose(1, 2)
        lengths = (frames.lengths - 1) // self.stride + 1
        longest = (values.shape[2] - 1) // self.stride + 1
        mask = (torch.arange(longest, device=values.device) < lengths[:, None])[:, None]  # (batch, 1, frames)
        hidden = self.enter(values, mask)
        outputs = []
        for block in self.blocks:
            hidden = block(hidden, mask)
            outputs.append(hidden)
        return Frames(self.aggregate(torch.cat(outputs, dim=1), mask).transpose(1, 2).contiguous(), lengths)


class _Convolution(nn.Module):
    """Convolution over time, batch norm over real frames and ReLU, on `(batch, channels, frames)`; padding is zero."""

    def __init__(self, dim: int, channels: int, kernel_size: int, dilation: int = 1, stride: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel_size // 2)
        # no bias: the norm would take it away
        self.convolution = nn.Conv1d(dim, channels, kernel_size, stride, padding, dilation, bias=False)
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        return norm_relu(self.convolution(values), mask, self.norm)


class _Block(nn.Module):
    """Dilated convolution, gated channel by channel by the utterance's mean, around a residual."""

    def __init__(self, channels: int, dilation: int, squeeze_dim: int, dropout: float) -> None:
        super().__init__()
        self.layer = _Convolution(channels, channels, 3, dilation)
        self.gate = nn.Sequential(
            nn.Linear(channels, squeeze_dim), nn.ReLU(), nn.Linear(squeeze_dim, channels), nn.Sigmoid()
        )
        self.dropout = Dropout(dropout)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        hidden = self.layer(values, mask)
        means = hidden.sum(2) / mask.sum(2)  # (batch, channels): padding is zero
        return values + self.dropout(hidden * self.gate(means)[:, :, None])


def _centred(frames: Frames) -> Frames:
    """Subtract each utterance's mean from its frames; padding becomes zero."""
    mask = frames.mask()[:, :, None]
    values = frames.values.masked_fill(~mask, 0.0)
    means = values.sum(1, keepdim=True) / frames.lengths[:, None, None]
    return Frames((values - means).masked_fill(~mask, 0.0), frames.lengths)
