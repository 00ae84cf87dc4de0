"""Late fusion: one small model for each encoder, trained by itself; their outputs are averaged.

Where a corpus has hundreds of clips, a network that sees everything at once learns from whatever is easiest and leaves
the rest alone. Members that learn apart stay different, and their mean is better than any of them.

Shapes, for a batch of B utterances and M members: frames of one encoder `(B, T, d)` → pooled `(B, P)` → logits
`(B, C)` and attributes `(B, 3)`; the output is the mean over the M members.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import torch
from torch import nn

from vibespeaker.batch import EmotionOutput, Frames
from vibespeaker.labels.heads import HEADS, HeadSpec
from vibespeaker.models.base import EmotionModel, check_heads, choose_encoders, frames_of
from vibespeaker.models.heads import EmotionHead
from vibespeaker.models.pooling import Pooling, StatisticsPooling, make_poolings


class LateFusion(EmotionModel):
    """Each encoder's frames are pooled and read by a linear head of its own; the outputs of each head are averaged.

    While training, the output holds each member's own outputs, so that the loss trains each by itself. In evaluation it
    holds the mean alone.

    Args:
        encoder_dims: encoder name → width of its frames.
        classes: number of categories.
        further: further heads, which the data declares; each member has them all.
        pooling: from a frame's width to the pooling module of an encoder.
        poolings: encoder name → one in place of `pooling`; names of encoders that are not read are ignored.
        encoders: names of the encoders to read; all, as given, by default.
        heads: `categories`, `attributes`, both, or neither where there are further heads.

    Raises:
        ConfigError: an unknown encoder or head.
    """

    def __init__(
        self,
        encoder_dims: Mapping[str, int],
        classes: int,
        further: Mapping[str, HeadSpec] = MappingProxyType({}),
        pooling: Callable[[int], Pooling] = StatisticsPooling,
        poolings: dict[str, Callable[[int], Pooling]] | None = None,
        encoders: list[str] | None = None,
        heads: list[str] = list(HEADS),  # noqa: B006 (never mutated)
    ) -> None:
        super().__init__()
        self.encoders = choose_encoders(encoder_dims, encoders)
        self.heads = check_heads(heads, further)
        self.encoder_dims = tuple(encoder_dims[name] for name in self.encoders)
        modules = make_poolings(dict(zip(self.encoders, self.encoder_dims, strict=True)), pooling, poolings)
        self.poolings = nn.ModuleList(modules)
        self.outputs = nn.ModuleList(
            zero_initialised(EmotionHead(module.output_dim, classes, self.heads, further)) for module in modules
        )

    def forward(self, frames: Mapping[str, Frames]) -> EmotionOutput:
        """Predict a batch; see the module's shapes."""
        members = []
        for name, dim, pooling, output in zip(
            self.encoders, self.encoder_dims, self.poolings, self.outputs, strict=True
        ):
            members.append(output(pooling(frames_of(frames, name, dim))))
        mean = EmotionOutput.combine(members, lambda heads: torch.stack(heads).mean(0))
        return replace(mean, members=tuple(members)) if self.training else mean


def zero_initialised(head: EmotionHead) -> EmotionHead:
    """Initialise a head to uniform outputs: thousands of random weights would start with a bias to be unlearned."""
    for layer in head.layers():
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    return head
