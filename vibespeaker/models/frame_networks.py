"""Optional networks over one encoder's frames before pooling, such as masking as augmentation.

All of them keep lengths and zero padding, and padding never changes the outputs for real frames.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import COUNT, SHARE, Range, require
from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError

#: Masks per utterance: each is drawn for each frame.
_MASKS = Range(0, 100, whole=True)


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
        require(_MASKS, time_masks=time_masks, channel_masks=channel_masks)
        require(SHARE, time_share=time_share, channel_share=channel_share)
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


class LayerWeightedSum(FrameNetwork):
    """The sum of an encoder's layers, each with a weight that is learned; the weights are a softmax and begin equal.

    (Yang et al. 2021, SUPERB.) Frames hold the layers one beside the other, as an encoder with `join: side_by_side`
    makes them, cached or live.

    Args:
        dim: width of a frame, of all layers together.
        layers: how many it holds.
        normalise: whether each layer's frames are brought to zero mean and unit variance before, so that a weight
            counts what a layer says and not how large its values are.

    Raises:
        ConfigError: the width is no multiple of the layers.
    """

    def __init__(self, dim: int, layers: int, normalise: bool = False) -> None:
        super().__init__()
        require(COUNT, layers=layers)
        if dim % layers:
            raise ConfigError(
                "LayerWeightedSum: frames do not hold that many layers",
                found=f"{layers} layers in {dim} values",
                remedy="give as many as the encoder's init_args.layer lists, and join: side_by_side beside it",
            )
        self.output_dim = dim // layers
        self.normalise = normalise
        self.scores = nn.Parameter(torch.zeros(layers))

    @property
    def weights(self) -> Tensor:
        """What each layer counts, `(layers,)`, 1 in all."""
        return self.scores.softmax(0)

    def forward(self, frames: Frames) -> Frames:
        """Return `(batch, frames, dim / layers)`, float32."""
        batch, longest, _ = frames.values.shape
        layers = frames.values.float().reshape(batch, longest, len(self.scores), self.output_dim)
        if self.normalise:
            layers = nn.functional.layer_norm(layers, (self.output_dim,))  # which leaves padding zero
        return Frames(torch.einsum("btld,l->btd", layers, self.weights), frames.lengths)


def _stretches(sizes: Tensor, longest: int, count: int, share: float) -> Tensor:
    """Return `(batch, longest)` booleans, True in `count` random stretches within each row's first `sizes` places."""
    draws = torch.rand(2, len(sizes), count, 1, device=sizes.device)
    sizes = sizes[:, None, None]
    widths = (draws[0] * (share * sizes + 1)).long().clamp(max=(sizes * share).long())
    starts = (draws[1] * (sizes - widths + 1)).long()
    positions = torch.arange(longest, device=sizes.device)
    return ((positions >= starts) & (positions < starts + widths)).any(1)
