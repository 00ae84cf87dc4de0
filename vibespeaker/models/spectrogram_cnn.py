"""Four convolutions over a clip's mel picture (Vișan, Poață, Vulpe, section 4.1.3)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import WIDTH, Range, require, require_each
from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError
from vibespeaker.models.pooling import Pooling

#: Each block halves a picture: beyond, nothing is left of it.
_BLOCKS = Range(1, 10, whole=True)


class SpectrogramCNN(Pooling):
    """Convolution of 3 × 3, batch norm, ReLU and max-pooling by two, four times, and the mean over what is left.

    With the default channels it has 388,800 parameters.

    Args:
        dim: width of a frame: mel bands.
        channels: width of each block.

    Raises:
        ConfigError: a size is out of range.
    """

    def __init__(self, dim: int, channels: Sequence[int] = (32, 64, 128, 256)) -> None:
        super().__init__()
        require_each(WIDTH, "channels", enumerate(channels))
        require(_BLOCKS, channels=len(channels))
        self.smallest = 1 << len(channels)
        blocks = []
        before = 1
        for width in channels:
            convolution = nn.Conv2d(before, width, 3, padding=1)
            blocks += [convolution, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
            before = width
        # a pixel's channels side by side: a step takes two thirds of the time on a processor (bench_layout.py)
        self.blocks = nn.Sequential(*blocks).to(memory_format=torch.channels_last)
        self.output_dim = before

    def forward(self, frames: Frames) -> Tensor:
        """Map pictures `(batch, frames, dim)`, all as long, to `(batch, output_dim)`, float32.

        Raises:
            ConfigError: they are of several lengths, or too small.
        """
        pictures = frames.values.float()
        sides = tuple(pictures.shape[1:])
        if min(sides) < self.smallest or bool((frames.lengths != sides[0]).any()):
            raise ConfigError(
                "SpectrogramCNN reads pictures of one size",
                found=f"frames of {sides[1]} values, {int(frames.lengths.min())} to {sides[0]} of them",
                allowed=f"at least {self.smallest} by {self.smallest}",
                remedy="give it an encoder such as MelPictures",
            )
        hidden: Tensor = self.blocks(pictures[:, None])  # (batch, channels, frames / 16, dim / 16)
        return hidden.mean((2, 3))
