"""Convolutions over a clip's hand-crafted features, one beside the other as if they followed in time.

Both published networks read one frame per clip, which the encoders `HandcraftedMeans` and `HandcraftedFrames` make, and
end in what a linear head reads. Their inputs have unequal scales and are standardised first.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vibespeaker.arguments.ranges import LAYERS, SHARE_BELOW_ONE, WIDTH, Range, require, require_each
from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError
from vibespeaker.models.dropout import Dropout
from vibespeaker.models.pooling import Pooling
from vibespeaker.models.standardisation import Standardisation

#: Values that a convolution sees at once.
_KERNEL = Range(1, 1024, whole=True)


class FeatureNetwork(Pooling):
    """What networks over one frame per clip share: its values, standardised.

    Args:
        dim: width of the frame.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.standard = Standardisation(dim)

    def forward(self, frames: Frames) -> Tensor:
        """Map `(batch, 1, dim)` to `(batch, output_dim)`, float32.

        Raises:
            ConfigError: clips have several frames.
        """
        if frames.values.shape[1] != 1:
            raise ConfigError(
                f"{type(self).__name__} reads one frame per clip",
                found=f"up to {frames.values.shape[1]}",
                remedy="give it an encoder with one, such as HandcraftedMeans or HandcraftedFrames",
            )
        standard: Tensor = self.standard(frames.values[:, 0])
        return self.move(standard[:, None])

    def move(self, values: Tensor) -> Tensor:
        """Map standardised values `(batch, 1, dim)` to `(batch, output_dim)`."""
        raise AssertionError("every network over features has its own")


class CNN1d(FeatureNetwork):
    """Eight convolutions of eight values and two dense layers (arXiv 2312.11503, table 5).

    Each convolution is followed by ReLU, each of the first two groups of them by batch norm and dropout. Behind the
    last group come dense layers with ReLU over all values side by side, and dropout. For 94 features and with a linear
    head of seven classes it has the 1,669,319 parameters that the table's rows add up to.

    Args:
        dim: width of the frame.
        groups: width of each convolution, group by group.
        kernel: values that a convolution sees at once; the length stays, with one more zero behind than before where
            the kernel is even.
        dense: widths of the dense layers.
        dropout: probability of dropping a value.

    Raises:
        ConfigError: a size is out of range.
    """

    def __init__(
        self,
        dim: int,
        groups: Sequence[Sequence[int]] = ((256, 256), (128, 128, 128, 128), (64, 64)),
        kernel: int = 8,
        dense: Sequence[int] = (64, 32),
        dropout: float = 0.6,
    ) -> None:
        super().__init__(dim)
        widths = [width for group in groups for width in group]
        require_each(WIDTH, "groups", enumerate(widths))
        require_each(WIDTH, "dense", enumerate(dense))
        require(LAYERS, groups=len(widths))
        require(_KERNEL, kernel=kernel)
        require(SHARE_BELOW_ONE, dropout=dropout)
        layers: list[nn.Module] = []
        before = 1
        for place, group in enumerate(groups):
            for width in group:
                padding = nn.ConstantPad1d(((kernel - 1) // 2, kernel // 2), 0.0)
                layers += [padding, nn.Conv1d(before, width, kernel), nn.ReLU()]
                before = width
            if place < len(groups) - 1:
                layers += [nn.BatchNorm1d(before), Dropout(dropout)]
        self.convolutions = nn.Sequential(*layers)
        sizes = [before * dim, *dense]
        self.dense = nn.Sequential(*(layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU())))
        self.dropout = Dropout(dropout)
        self.output_dim = sizes[-1]

    def move(self, values: Tensor) -> Tensor:
        """Map standardised values `(batch, 1, dim)` to `(batch, dense[-1])`."""
        return self.dropout(self.dense(self.convolutions(values).flatten(1)))


class _Convolution(nn.Conv1d):
    """A convolution of one dimension over pictures one value high, each value's channels side by side in memory.

    So laid out it, batch norm, ReLU and max-pooling take half the time on a processor (`scripts/bench_layout.py`).
    """

    def forward(self, input: Tensor) -> Tensor:
        """Map `(batch, in_channels, 1, length)` to `(batch, out_channels, 1, length)`."""
        width, before, kernel = self.weight.shape
        # a view, not an index: its gradient lies in memory as the weight does, as DDP wants it
        weight = self.weight.view(width, before, 1, kernel)
        return F.conv2d(input, weight, self.bias, padding=(0, int(self.padding[0])))


class FeatureCNN(FeatureNetwork):
    """Convolutions with batch norm, ReLU and max-pooling by two, and one dense layer with batch norm and ReLU.

    Nothing is dropped before the last batch norm: what batch norm measures behind dropout is not what it sees without
    (Li et al. 2019, arXiv 1801.05134), and pooling, which keeps the largest of what is dropped and scaled up, makes the
    difference large.

    With the default sizes, 2376 values and a linear head of seven classes it has 7,188,871 parameters.

    Args:
        dim: width of the frame.
        channels: width of each convolution.
        kernels: values that each sees at once, odd, and that its pooling takes the largest of, every second one.
        dense: width of the dense layer.
        dropout: probability of dropping a value behind the dense layer.

    Raises:
        ConfigError: a size is out of range, a kernel even, or there are not as many kernels as channels.
    """

    def __init__(
        self,
        dim: int,
        channels: Sequence[int] = (512, 512, 256, 256, 128),
        kernels: Sequence[int] = (5, 5, 5, 3, 3),
        dense: int = 512,
        dropout: float = 0.2,
    ) -> None:
        super().__init__(dim)
        require_each(WIDTH, "channels", enumerate(channels))
        require_each(_KERNEL, "kernels", enumerate(kernels))
        require(LAYERS, channels=len(channels))
        require(WIDTH, dense=dense)
        require(SHARE_BELOW_ONE, dropout=dropout)
        if len(kernels) != len(channels) or any(kernel % 2 == 0 for kernel in kernels):
            raise ConfigError("FeatureCNN takes one odd kernel per convolution", found=list(kernels), allowed=channels)
        layers: list[nn.Module] = []
        before, length = 1, dim
        for width, kernel in zip(channels, kernels, strict=True):
            half = kernel // 2
            layers += [_Convolution(before, width, kernel, padding=half), nn.BatchNorm2d(width)]
            # the largest of what ReLU leaves is what ReLU leaves of the largest, of half as many values
            layers += [nn.MaxPool2d((1, kernel), stride=(1, 2), padding=(0, half)), nn.ReLU()]
            before, length = width, -(-length // 2)
        self.convolutions = nn.Sequential(*layers)
        self.dense = nn.Linear(before * length, dense)
        self.norm = nn.BatchNorm1d(dense)
        self.dropout = Dropout(dropout)
        self.output_dim = dense

    def move(self, values: Tensor) -> Tensor:
        """Map standardised values `(batch, 1, dim)` to `(batch, dense)`."""
        rows = values[:, :, None].to(memory_format=torch.channels_last)
        hidden: Tensor = self.norm(self.dense(self.convolutions(rows).flatten(1)))
        return self.dropout(F.relu(hidden))
