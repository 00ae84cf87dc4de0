"""Optional networks over one encoder's frames before pooling, such as masking as augmentation.

All of them keep lengths and zero padding, and padding never changes the outputs for real frames.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import COUNT, require
from vibespeaker.batch import Frames
from vibespeaker.encoders.masking import Masking, stretches
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
        self.output_dim = dim
        self.masking = Masking(time_masks, time_share, channel_masks, channel_share)

    def forward(self, frames: Frames) -> Frames:
        """Return frames with masked values; in eval mode the same frames."""
        if not self.training:
            return frames
        batch, longest, dim = frames.values.shape
        device = frames.values.device
        lengths = frames.lengths.to(device)
        masking = self.masking
        draws = torch.rand(2, batch, masking.time_masks, 1, device=device)
        hidden_frames = stretches(lengths, longest, masking.time_share, draws)
        widths = torch.full((batch,), dim, device=device)
        draws = torch.rand(2, batch, masking.channel_masks, 1, device=device)
        hidden_channels = stretches(widths, dim, masking.channel_share, draws)
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
