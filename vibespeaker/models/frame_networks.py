"""Optional networks over one encoder's frames before pooling: trainable layers, and masking as augmentation.

All of them keep lengths and zero padding, and padding never changes the outputs for real frames.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError


class FrameNetwork(nn.Module, ABC):
    """A module from frames to frames of the same lengths.

    Attributes:
        output_dim: width of the frames that come out.
    """

    output_dim: int

    @abstractmethod
    def forward(self, frames: Frames) -> Frames:
        """Map `(batch, frames, dim)` to `(batch, frames, output_dim)`, padding zero."""


class Unchanged(FrameNetwork):
    """The frames as they are.

    Args:
        dim: width of a frame.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.output_dim = dim

    def forward(self, frames: Frames) -> Frames:
        """Return `frames`."""
        return frames


class FrameMasking(FrameNetwork):
    """Sets random stretches of time and random bands of channels to zero while training (SpecAugment, Park 2019).

    Each utterance draws its own masks from torch's generator; widths are uniform from 0 to the given share. With both
    products of masks and share below 1, something always remains.

    Args:
        dim: width of a frame.
        time_masks: stretches of time per utterance.
        time_share: largest share of the utterance's frames in one stretch, within [0, 1].
        channel_masks: bands of channels per utterance.
        channel_share: largest share of the channels in one band, within [0, 1].

    Raises:
        ConfigError: the masks could cover everything.
    """

    def __init__(
        self,
        dim: int,
        time_masks: int = 2,
        time_share: float = 0.1,
        channel_masks: int = 1,
        channel_share: float = 0.1,
    ) -> None:
        super().__init__()
        for kind, share in (("time", time_masks * time_share), ("channel", channel_masks * channel_share)):
            if not 0 <= share < 1:
                raise ConfigError(f"{kind} masks could cover everything", found=share, allowed="masks · share below 1")
        self.output_dim = dim
        self.time_masks, self.time_share = time_masks, time_share
        self.channel_masks, self.channel_share = channel_masks, channel_share

    def forward(self, frames: Frames) -> Frames:
        """Return frames with masked values; in eval mode the same frames."""
        if not self.training:
            return frames
        batch, longest, dim = frames.values.shape
        device = frames.values.device
        lengths = frames.lengths.to(device)
        hidden_frames = _stretches(lengths, longest, self.time_masks, self.time_share)
        widths = torch.full((batch,), dim, device=device)
        hidden_channels = _stretches(widths, dim, self.channel_masks, self.channel_share)
        masked = hidden_frames[:, :, None] | hidden_channels[:, None, :]
        return Frames(frames.values.masked_fill(masked, 0.0), frames.lengths)


def _stretches(sizes: Tensor, longest: int, count: int, share: float) -> Tensor:
    """Return `(batch, longest)` booleans, True in `count` random stretches within each row's first `sizes` places."""
    draws = torch.rand(2, len(sizes), count, 1, device=sizes.device)
    sizes = sizes[:, None, None]
    widths = (draws[0] * (share * sizes + 1)).long().clamp(max=(sizes * share).long())
    starts = (draws[1] * (sizes - widths + 1)).long()
    positions = torch.arange(longest, device=sizes.device)
    return ((positions >= starts) & (positions < starts + widths)).any(1)


class TDNN(FrameNetwork):
    """Time-delay network with squeeze-and-excitation blocks and multi-layer aggregation, after ECAPA-TDNN (2020).

    A convolution over time enters `channels`; each block adds a dilated convolution, gated channel by channel by the
    utterance's mean; the outputs of all blocks are concatenated and mapped to `output_dim`. There is neither Res2Net
    nor batch norm: layer norm over channels makes every frame independent of the batch, in training too.

    Args:
        dim: width of a frame that comes in.
        channels: width inside.
        output_dim: width of a frame that comes out.
        kernel_size: frames under each block's convolution, odd.
        dilations: one block for each, with that many frames between the convolution's taps.
        squeeze_dim: width of the gate's hidden layer.
        dropout: probability of dropping a value of a block's output.
        masking: from the width of a frame to a network that runs first, such as `FrameMasking`.

    Raises:
        ConfigError: the kernel is even or there is no block.
    """

    def __init__(
        self,
        dim: int,
        channels: int = 512,
        output_dim: int = 1024,
        kernel_size: int = 3,
        dilations: tuple[int, ...] = (2, 3, 4),
        squeeze_dim: int = 128,
        dropout: float = 0.0,
        masking: Callable[[int], FrameNetwork] | None = None,
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0 or not dilations:
            raise ConfigError("a TDNN has odd kernels and at least one dilation", found=(kernel_size, dilations))
        self.output_dim = output_dim
        self.masking = Unchanged(dim) if masking is None else masking(dim)
        self.enter = _TimeConvolution(dim, channels, 5, 1)
        self.blocks = nn.ModuleList(
            _GatedBlock(channels, kernel_size, dilation, squeeze_dim, dropout) for dilation in dilations
        )
        self.aggregate = nn.Linear(channels * len(dilations), output_dim)

    def forward(self, frames: Frames) -> Frames:
        """Map `(batch, frames, dim)` to `(batch, frames, output_dim)`."""
        frames = self.masking(frames)
        mask = frames.mask()[:, :, None]  # (batch, frames, 1)
        values = frames.values.to(self.aggregate.weight.dtype).masked_fill(~mask, 0.0)
        hidden = self.enter(values, mask)  # (batch, frames, channels)
        outputs = []
        for block in self.blocks:
            hidden = block(hidden, mask)
            outputs.append(hidden)
        aggregated = F.relu(self.aggregate(torch.cat(outputs, dim=-1)))
        return Frames(aggregated.masked_fill(~mask, 0.0), frames.lengths)


class _TimeConvolution(nn.Module):
    """Convolution over time, ReLU and layer norm over channels, on `(batch, frames, channels)`."""

    def __init__(self, dim: int, channels: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(
            dim, channels, kernel_size, dilation=dilation, padding=dilation * (kernel_size // 2)
        )
        self.norm = nn.LayerNorm(channels)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        convolved = self.convolution(values.transpose(1, 2)).transpose(1, 2)
        # the layers' biases fill padding, which the next convolution would carry into real frames
        return self.norm(F.relu(convolved)).masked_fill(~mask, 0.0)


class _GatedBlock(nn.Module):
    """Pointwise, dilated and pointwise layers, gated channel by channel by the utterance's mean, around a residual."""

    def __init__(self, channels: int, kernel_size: int, dilation: int, squeeze_dim: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [
                _TimeConvolution(channels, channels, 1, 1),
                _TimeConvolution(channels, channels, kernel_size, dilation),
                _TimeConvolution(channels, channels, 1, 1),
            ]
        )
        self.gate = nn.Sequential(
            nn.Linear(channels, squeeze_dim), nn.ReLU(), nn.Linear(squeeze_dim, channels), nn.Sigmoid()
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        hidden = values
        for layer in self.layers:
            hidden = layer(hidden, mask)
        means = hidden.sum(1) / mask.sum(1)  # (batch, channels): padding is zero
        return values + self.dropout(hidden * self.gate(means)[:, None])
