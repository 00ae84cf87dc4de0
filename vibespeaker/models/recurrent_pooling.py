"""Recurrent layers over an encoder's frames; their last states stand for the utterance."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from vibespeaker.arguments.ranges import LAYERS, SHARE_BELOW_ONE, WIDTH, require
from vibespeaker.batch import Frames
from vibespeaker.models.pooling import Pooling


class BiLSTM(Pooling):
    """LSTM layers in both directions; what the last one ends with in either direction, side by side.

    Args:
        dim: width of a frame.
        hidden_dim: width of a layer in one direction.
        layers: how many.
        dropout: probability of dropping a value between two layers, and of the last states.

    Raises:
        ConfigError: a size is out of range.
    """

    def __init__(self, dim: int, hidden_dim: int = 128, layers: int = 2, dropout: float = 0.3) -> None:
        super().__init__()
        require(WIDTH, hidden_dim=hidden_dim)
        require(LAYERS, layers=layers)
        require(SHARE_BELOW_ONE, dropout=dropout)
        between = dropout if layers > 1 else 0.0  # torch warns about dropout where there is no "between"
        self.lstm = nn.LSTM(dim, hidden_dim, layers, batch_first=True, bidirectional=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.output_dim = 2 * hidden_dim

    def forward(self, frames: Frames) -> Tensor:
        """Pool `(batch, frames, dim)` into `(batch, 2 * hidden_dim)`, float32; padding is never read."""
        packed = pack_padded_sequence(
            frames.values.float(), frames.lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        _, (last, _) = self.lstm(packed)  # (2 * layers, batch, hidden_dim)
        return self.dropout(torch.cat((last[-2], last[-1]), dim=1))
