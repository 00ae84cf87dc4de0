"""Fusion: the sequence of encoder embeddings becomes one embedding of the utterance."""

from abc import ABC, abstractmethod
from itertools import pairwise

import torch
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


class GatedFusion(Fusion):
    """A learned gate over the encoders: `Σ_e g_e · tanh(W_e x_e + b_e)`; the gates g are read from all embeddings.

    (Gated multimodal units, Arevalo et al. 2017; here with one gate per encoder and a softmax over encoders, so that
    gates are shares of each utterance's embedding.)

    Args:
        dim: width of an encoder's embedding.
        encoders: how many embeddings there are.
        hidden_dim: width of the fused embedding.
    """

    def __init__(self, dim: int, encoders: int, hidden_dim: int = 1024) -> None:
        super().__init__()
        require(WIDTH, hidden_dim=hidden_dim)
        self.output_dim = hidden_dim
        self.transforms = nn.ModuleList(nn.Linear(dim, hidden_dim) for _ in range(encoders))
        self.scores = nn.Linear(dim * encoders, encoders)

    def gates(self, embeddings: Tensor) -> Tensor:
        """Return what each encoder counts for, `(batch, encoders)`, each row 1 in all."""
        return self.scores(embeddings.flatten(1)).softmax(dim=1)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Fuse `(batch, encoders, dim)` into `(batch, hidden_dim)`."""
        hidden = [transform(embeddings[:, place]) for place, transform in enumerate(self.transforms)]
        return (self.gates(embeddings)[:, :, None] * torch.stack(hidden, dim=1).tanh()).sum(dim=1)
