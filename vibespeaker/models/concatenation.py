"""Pooled encoders side by side, dense layers if any, and heads: most published systems are this with other sizes.

Shapes, for a batch of B utterances and encoders whose poolings return widths P¹, P² …:

| step                                     | shape                 |
|------------------------------------------|-----------------------|
| frames of one encoder                    | `(B, Tᵉ, dᵉ)`         |
| pooled, dropout                          | `(B, Pᵉ)`             |
| side by side                             | `(B, P¹ + P² + …)`    |
| dense layers, each activated and dropped | `(B, hidden[-1])`     |
| logits, attributes, further heads        | `(B, C)`, `(B, 3)`, … |
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import LAYERS, SHARE_BELOW_ONE, WIDTH, require, require_each
from vibespeaker.batch import EmotionOutput, Frames
from vibespeaker.errors import ConfigError
from vibespeaker.labels.heads import HEADS, HeadSpec
from vibespeaker.models.base import EmotionModel, check_heads, choose_encoders, frames_of
from vibespeaker.models.dropout import Dropout
from vibespeaker.models.heads import EmotionHead
from vibespeaker.models.pooling import MeanPooling, Pooling, make_poolings

Activation = Literal["relu", "gelu"]
_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU}


class Concatenation(EmotionModel):
    """Pools each encoder's frames, concatenates, and maps by dense layers to the heads.

    Args:
        encoder_dims: encoder name → width of its frames.
        classes: number of categories.
        further: further heads, which the data declares; the model has them all.
        pooling: from a frame's width to the pooling module of an encoder.
        poolings: encoder name → one in place of `pooling`; names of encoders that are not read are ignored.
        hidden: widths of the dense layers; empty puts the heads right behind the concatenation.
        activation: behind each dense layer.
        pooled_dropout: probability of dropping a value of what is pooled.
        dropout: probability of dropping a value behind each dense layer.
        encoders: names of the encoders to read, in the order of the concatenation; all, as given, by default.
        heads: `categories`, `attributes`, both, or neither where there are further heads.

    Raises:
        ConfigError: an unknown encoder, head or activation, or a size out of range.
    """

    def __init__(
        self,
        encoder_dims: Mapping[str, int],
        classes: int,
        further: Mapping[str, HeadSpec] = MappingProxyType({}),
        pooling: Callable[[int], Pooling] = MeanPooling,
        poolings: dict[str, Callable[[int], Pooling]] | None = None,
        hidden: Sequence[int] = (),
        activation: Activation = "relu",
        pooled_dropout: float = 0.0,
        dropout: float = 0.0,
        encoders: list[str] | None = None,
        heads: list[str] = list(HEADS),  # noqa: B006 (never mutated)
    ) -> None:
        super().__init__()
        require(SHARE_BELOW_ONE, pooled_dropout=pooled_dropout, dropout=dropout)
        require_each(WIDTH, "hidden", enumerate(hidden))
        require(LAYERS, hidden=max(1, len(hidden)))
        if activation not in get_args(Activation):
            raise ConfigError("Concatenation: unknown activation", found=activation, allowed=get_args(Activation))
        self.encoders = choose_encoders(encoder_dims, encoders)
        self.heads = check_heads(heads, further)
        self.encoder_dims = tuple(encoder_dims[name] for name in self.encoders)
        modules = make_poolings(dict(zip(self.encoders, self.encoder_dims, strict=True)), pooling, poolings)
        self.poolings = nn.ModuleList(modules)
        self.pooled_dropout = Dropout(pooled_dropout)
        widths = [sum(module.output_dim for module in modules), *hidden]
        blocks = [(nn.Linear(*pair), _ACTIVATIONS[activation](), Dropout(dropout)) for pair in pairwise(widths)]
        self.hidden = nn.Sequential(*(layer for block in blocks for layer in block))
        self.head = EmotionHead(widths[-1], classes, self.heads, further)

    def forward(self, frames: Mapping[str, Frames]) -> EmotionOutput:
        """Predict a batch; see the module's table of shapes."""
        pooled = [self._pool(index, frames) for index in range(len(self.encoders))]
        return self.head(self.hidden(torch.cat(pooled, dim=1)))

    def _pool(self, index: int, frames: Mapping[str, Frames]) -> Tensor:
        own = frames_of(frames, self.encoders[index], self.encoder_dims[index])
        return self.pooled_dropout(self.poolings[index](own))
