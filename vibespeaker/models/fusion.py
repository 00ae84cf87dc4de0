"""Fusion: the sequence of encoder embeddings becomes one embedding of the utterance."""

from abc import ABC, abstractmethod
from itertools import pairwise

from torch import Tensor, nn

from vibespeaker.arguments.ranges import LAYERS, SHARE_BELOW_ONE, WIDTH, require


class Fusion(nn.Module, ABC):
    """A module from `(batch, encoders, dim)` to `(batch, output_dim)`.

    Attributes:
        output_dim: width of the utterance's embedding.
    """

    output_dim: int

    @abstractmethod
    def forward(self, embeddings: Tensor) -> Tensor:
        """Fuse `(batch, encoders, dim)`, ordered as the model's encoders, into `(batch, output_dim)`."""


class LSTMFusion(Fusion):
    """LSTM layers over the sequence of encoder embeddings; its last output is the utterance's embedding.

    With the published sizes (1028 → 2048, two layers) it has 58,785,792 parameters, the source's "about 60M".

    Args:
        dim: width of an encoder's embedding.
        encoders: how many embeddings there are; an LSTM takes any number.
        hidden_dim: width of each layer.
        layers: how many layers.
        dropout: probability of dropping a value between two layers.
    """

    def __init__(self, dim: int, encoders: int, hidden_dim: int = 2048, layers: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        require(WIDTH, hidden_dim=hidden_dim)
        require(LAYERS, layers=layers)
        require(SHARE_BELOW_ONE, dropout=dropout)
        self.output_dim = hidden_dim
        between = dropout if layers > 1 else 0.0  # torch warns about dropout where there is no "between"
        self.lstm = nn.LSTM(dim, hidden_dim, layers, batch_first=True, dropout=between)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Fuse `(batch, encoders, dim)` into `(batch, hidden_dim)`."""
        outputs, _ = self.lstm(embeddings)  # (batch, encoders, hidden_dim)
        return outputs[:, -1]


class MeanFusion(Fusion):
    """The mean of the encoder embeddings, without weights: what a small corpus can afford.

    Args:
        dim: width of an encoder's embedding.
        encoders: how many embeddings there are; a mean takes any number.
    """

    def __init__(self, dim: int, encoders: int) -> None:
        super().__init__()
        self.output_dim = dim

    def forward(self, embeddings: Tensor) -> Tensor:
        """Fuse `(batch, encoders, dim)` into `(batch, dim)`."""
        return embeddings.mean(dim=1)


class ConcatenationFusion(Fusion):
    """Concatenated encoder embeddings through a multilayer perceptron (ReLU, dropout).

    Args:
        dim: width of an encoder's embedding.
        encoders: how many embeddings there are.
        hidden_dim: width of each layer.
        layers: how many layers.
        dropout: probability of dropping a value after each layer.
    """

    def __init__(self, dim: int, encoders: int, hidden_dim: int = 1024, layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        require(WIDTH, hidden_dim=hidden_dim)
        require(LAYERS, layers=layers)
        require(SHARE_BELOW_ONE, dropout=dropout)
        self.output_dim = hidden_dim
        widths = [dim * encoders, *[hidden_dim] * layers]
        blocks = [
            nn.Sequential(nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout))
            for before, after in pairwise(widths)
        ]
        self.layers = nn.Sequential(*blocks)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Fuse `(batch, encoders, dim)` into `(batch, hidden_dim)`."""
        return self.layers(embeddings.flatten(1))
