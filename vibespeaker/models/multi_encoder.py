"""The challenge system's head: encoder frames → pooling → projection → norm → LSTM → logits and attributes.

Shapes, for a batch of B utterances and E encoders of widths dᵉ with Tᵉ frames:

| step                       | shape                             | published size    |
|----------------------------|-----------------------------------|-------------------|
| frames of one encoder      | `(B, Tᵉ, dᵉ)`                     | 1280, 1024, 1024  |
| having looked at others'   | `(B, Tᵉ, A)`                      | none              |
| pooled                     | `(B, 2·dᵉ)`; mean pooling `(B, dᵉ)` | 2560, 2048, 2048  |
| projected                  | `(B, P)`                          | P = 1028          |
| stacked, normalised        | `(B, E, P)`                       | E = 3             |
| LSTM's last output         | `(B, H)`                          | H = 2048, 2 layers |
| logits, attributes         | `(B, C)`, `(B, 3)`                | C = 8 or 9        |
| further heads              | `(B, outputs)` each               | none              |
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import LAYERS, SHARE_BELOW_ONE, WIDTH, require
from vibespeaker.batch import EmotionOutput, Frames
from vibespeaker.errors import ConfigError
from vibespeaker.labels.heads import HEADS, HeadSpec
from vibespeaker.models.base import EmotionModel, check_heads, choose_encoders, frames_of
from vibespeaker.models.cross_attention import CrossAttention
from vibespeaker.models.frame_networks import FrameNetwork, Unchanged
from vibespeaker.models.fusion import Fusion, LSTMFusion
from vibespeaker.models.heads import EmotionHead
from vibespeaker.models.pooling import AttentiveStatisticsPooling, Pooling, make_poolings


class MultiEncoderModel(EmotionModel):
    """Pools, projects and fuses the frames of several encoders; the defaults are the published sizes.

    Args:
        encoder_dims: encoder name → width of its frames.
        classes: number of categories.
        further: further heads, which the data declares; the model has them all.
        pooling: from a frame's width to the pooling module of an encoder.
        poolings: encoder name → one in place of `pooling`; names of encoders that are not read are ignored.
        projection_dim: width that every encoder's embedding is mapped to.
        lstm_dim: width of the LSTM layers.
        lstm_layers: number of LSTM layers.
        dropout: probability of dropping a value of the normalised embeddings, between LSTM layers and before the head.
        encoder_dropout: probability of dropping an encoder's whole embedding while training; one is always kept.
        encoders: names of the encoders to read, in the order of the LSTM's sequence; all, as given, by default.
        heads: `categories`, `attributes`, both, or neither where there are further heads.
        frame_network: from a frame's width to a network over an encoder's frames before pooling; none by default.
        fusion: from a projected width and a number of encoders to a fusion module that replaces the LSTM.
        cross_attention: from encoder name → width of its frames, behind the frame networks, to attention between
            encoders before pooling; none by default.
        frame_networks: encoder name → one in place of `frame_network`.

    Raises:
        ConfigError: an unknown encoder or head, or a probability outside [0, 1).
    """

    def __init__(
        self,
        encoder_dims: Mapping[str, int],
        classes: int,
        further: Mapping[str, HeadSpec] = MappingProxyType({}),
        pooling: Callable[[int], Pooling] = AttentiveStatisticsPooling,
        projection_dim: int = 1028,
        lstm_dim: int = 2048,
        lstm_layers: int = 2,
        dropout: float = 0.0,
        encoder_dropout: float = 0.0,
        encoders: list[str] | None = None,
        heads: list[str] = list(HEADS),  # noqa: B006 (never mutated)
        frame_network: Callable[[int], FrameNetwork] | None = None,
        fusion: Callable[[int, int], Fusion] | None = None,
        poolings: dict[str, Callable[[int], Pooling]] | None = None,
        cross_attention: Callable[[Mapping[str, int]], CrossAttention] | None = None,
        frame_networks: dict[str, Callable[[int], FrameNetwork]] | None = None,
    ) -> None:
        super().__init__()
        require(SHARE_BELOW_ONE, dropout=dropout, encoder_dropout=encoder_dropout)
        require(WIDTH, projection_dim=projection_dim, lstm_dim=lstm_dim)
        require(LAYERS, lstm_layers=lstm_layers)
        self.encoders = choose_encoders(encoder_dims, encoders)
        self.heads = check_heads(heads, further)
        self.encoder_dims = tuple(encoder_dims[name] for name in self.encoders)
        dims = dict(zip(self.encoders, self.encoder_dims, strict=True))
        networks = _frame_networks(dims, frame_network or Unchanged, frame_networks or {})
        widths = {name: network.output_dim for name, network in zip(self.encoders, networks, strict=True)}
        self.cross_attention = None if cross_attention is None else cross_attention(widths)
        if self.cross_attention is not None:
            widths = self.cross_attention.output_dims
        modules = make_poolings(widths, pooling, poolings)
        self.frame_networks = nn.ModuleList(networks)
        self.poolings = nn.ModuleList(modules)
        self.projections = nn.ModuleList(nn.Linear(module.output_dim, projection_dim) for module in modules)
        self.norm = nn.LayerNorm(projection_dim)
        self.encoder_dropout = encoder_dropout
        self.dropout = nn.Dropout(dropout)
        self.fusion: Fusion = (
            LSTMFusion(projection_dim, len(self.encoders), lstm_dim, lstm_layers, dropout)
            if fusion is None
            else fusion(projection_dim, len(self.encoders))
        )
        self.head = EmotionHead(self.fusion.output_dim, classes, self.heads, further)

    def forward(self, frames: Mapping[str, Frames]) -> EmotionOutput:
        """Predict a batch; see the module's table of shapes."""
        read = {name: self._read(place, frames) for place, name in enumerate(self.encoders)}
        if self.cross_attention is not None:
            read = self.cross_attention(read)
        stack = torch.stack([self._embed(place, read[name]) for place, name in enumerate(self.encoders)], dim=1)
        stack = self._drop_encoders(self.dropout(self.norm(stack)))  # (batch, encoders, projection_dim)
        return self.head(self.dropout(self.fusion(stack)))

    def _read(self, index: int, frames: Mapping[str, Frames]) -> Frames:
        """Return the frames of one encoder behind its frame network."""
        own = frames_of(frames, self.encoders[index], self.encoder_dims[index])
        read: Frames = self.frame_networks[index](own)
        return read

    def _embed(self, index: int, frames: Frames) -> Tensor:
        """Return the projected embedding `(batch, projection_dim)` of one encoder."""
        pooled = self.poolings[index](frames)
        return self.projections[index](pooled.to(self.projections[index].weight.dtype))

    def _drop_encoders(self, stack: Tensor) -> Tensor:
        if not self.training or self.encoder_dropout == 0:
            return stack
        draws = torch.rand(stack.shape[:2], device=stack.device)
        kept = (draws >= self.encoder_dropout) | (draws == draws.amax(1, keepdim=True))
        return stack * kept[:, :, None]


def _frame_networks(
    dims: dict[str, int], default: Callable[[int], FrameNetwork], named: dict[str, Callable[[int], FrameNetwork]]
) -> list[FrameNetwork]:
    """Return one network for each encoder of `dims`, in their order."""
    unknown = [name for name in named if name not in dims]
    if unknown:
        raise ConfigError(
            "a frame network is given for an encoder the model does not read", found=unknown, allowed=dims
        )
    return [named.get(name, default)(dim) for name, dim in dims.items()]
