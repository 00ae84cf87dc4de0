"""The challenge system's head: encoder frames → pooling → projection → norm → LSTM → logits and attributes.

Shapes, for a batch of B utterances and E encoders of widths dᵉ with Tᵉ frames:

| step                       | shape                             | published size    |
|----------------------------|-----------------------------------|-------------------|
| frames of one encoder      | `(B, Tᵉ, dᵉ)`                     | 1280, 1024, 1024  |
| pooled                     | `(B, 2·dᵉ)`; mean pooling `(B, dᵉ)` | 2560, 2048, 2048  |
| projected                  | `(B, P)`                          | P = 1028          |
| stacked, normalised        | `(B, E, P)`                       | E = 3             |
| LSTM's last output         | `(B, H)`                          | H = 2048, 2 layers |
| logits, attributes         | `(B, C)`, `(B, 3)`                | C = 8 or 9        |
"""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from vibespeaker.batch import EmotionOutput, Frames
from vibespeaker.models.base import HEADS, EmotionModel, check_heads, choose_encoders
from vibespeaker.models.fusion import Fusion, LSTMFusion
from vibespeaker.models.heads import EmotionHead
from vibespeaker.models.pooling import AttentiveStatisticsPooling, Pooling


class MultiEncoderModel(EmotionModel):
    """Pools, projects and fuses the frames of several encoders.

    Args:
        encoder_dims: encoder name → width of its frames.
        classes: number of categories.
        pooling: from a frame's width to the pooling module of an encoder.
        projection_dim: width that every encoder's embedding is mapped to.
        lstm_dim: width of the LSTM layers.
        lstm_layers: number of LSTM layers.
        dropout: probability of dropping a value of the normalised embeddings, between LSTM layers and before the head.
        encoders: names of the encoders to read, in the order of the LSTM's sequence; all, as given, by default.
        heads: `categories`, `attributes` or both.
        fusion: from a projected width and a number of encoders to a fusion module that replaces the LSTM.
    """

    def __init__(
        self,
        encoder_dims: Mapping[str, int],
        classes: int,
        pooling: Callable[[int], Pooling] = AttentiveStatisticsPooling,
        projection_dim: int = 1028,
        lstm_dim: int = 2048,
        lstm_layers: int = 2,
        dropout: float = 0.0,
        encoders: list[str] | None = None,
        heads: list[str] = list(HEADS),  # noqa: B006 (never mutated)
        fusion: Callable[[int, int], Fusion] | None = None,
    ) -> None:
        super().__init__()
        self.encoders = choose_encoders(encoder_dims, encoders)
        self.heads = check_heads(heads)
        poolings = [pooling(encoder_dims[name]) for name in self.encoders]
        self.poolings = nn.ModuleList(poolings)
        self.projections = nn.ModuleList(nn.Linear(module.output_dim, projection_dim) for module in poolings)
        self.norm = nn.LayerNorm(projection_dim)
        self.dropout = nn.Dropout(dropout)
        self.fusion: Fusion = (
            LSTMFusion(projection_dim, len(self.encoders), lstm_dim, lstm_layers, dropout)
            if fusion is None
            else fusion(projection_dim, len(self.encoders))
        )
        self.head = EmotionHead(self.fusion.output_dim, classes, self.heads)

    def forward(self, frames: Mapping[str, Frames]) -> EmotionOutput:
        """Recognise a batch; see the module's table of shapes."""
        embeddings = [
            projection(pooling(frames[name]))
            for name, pooling, projection in zip(self.encoders, self.poolings, self.projections, strict=True)
        ]
        stack = self.dropout(self.norm(torch.stack(embeddings, dim=1)))  # (batch, encoders, projection_dim)
        return self.head(self.dropout(self.fusion(stack)))
