"""Late fusion: one small model for each encoder, trained by itself; their outputs are averaged.

Where a corpus has hundreds of clips, a network that sees everything at once learns from whatever is easiest and leaves
the rest alone. Members that learn apart stay different, and their mean is better than any of them.

Shapes, for a batch of B utterances and M members: frames of one encoder `(B, T, d)` → pooled `(B, P)` → logits
`(B, C)` and attributes `(B, 3)`; the output is the mean over the M members.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from vibespeaker.batch import EmotionOutput, Frames
from vibespeaker.models.base import HEADS, EmotionModel, check_heads, choose_encoders, frames_of
from vibespeaker.models.heads import EmotionHead
from vibespeaker.models.pooling import Pooling, StatisticsPooling


class LateFusion(EmotionModel):
    """Each encoder's frames are pooled and read by a linear head of its own; logits and attributes are averaged.

    While training, the output holds each member's own outputs, so that the loss trains each by itself. In evaluation it
    holds the mean alone.

    Args:
        encoder_dims: encoder name → width of its frames.
        classes: number of categories.
        pooling: from a frame's width to the pooling module of an encoder.
        poolings: encoder name → one in place of `pooling`; names of encoders that are not read are ignored.
        encoders: names of the encoders to read; all, as given, by default.
        heads: `categories`, `attributes` or both.

    Raises:
        ConfigError: an unknown encoder or head.
    """

    def __init__(
        self,
        encoder_dims: Mapping[str, int],
        classes: int,
        pooling: Callable[[int], Pooling] = StatisticsPooling,
        poolings: dict[str, Callable[[int], Pooling]] | None = None,
        encoders: list[str] | None = None,
        heads: list[str] = list(HEADS),  # noqa: B006 (never mutated)
    ) -> None:
        super().__init__()
        self.encoders = choose_encoders(encoder_dims, encoders)
        self.heads = check_heads(heads)
        self.encoder_dims = tuple(encoder_dims[name] for name in self.encoders)
        makers = [(poolings or {}).get(name, pooling) for name in self.encoders]
        modules = [make(dim) for make, dim in zip(makers, self.encoder_dims, strict=True)]
        self.poolings = nn.ModuleList(modules)
        self.outputs = nn.ModuleList(
            zero_initialised(EmotionHead(module.output_dim, classes, self.heads)) for module in modules
        )

    def forward(self, frames: Mapping[str, Frames]) -> EmotionOutput:
        """Predict a batch; see the module's shapes."""
        members = []
        for name, dim, pooling, output in zip(
            self.encoders, self.encoder_dims, self.poolings, self.outputs, strict=True
        ):
            members.append(output(pooling(frames_of(frames, name, dim))))
        logits = _mean([member.logits for member in members])
        attributes = _mean([member.attributes for member in members])
        return EmotionOutput(logits, attributes, tuple(members) if self.training else ())


def zero_initialised(head: EmotionHead) -> EmotionHead:
    """Initialise a head to uniform outputs: thousands of random weights would start with a bias to be unlearned."""
    nn.init.zeros_(head.linear.weight)
    nn.init.zeros_(head.linear.bias)
    return head


def _mean(heads: list[Tensor | None]) -> Tensor | None:
    """Average one head over the members, None where they have none."""
    present = [head for head in heads if head is not None]
    return torch.stack(present).mean(0) if present else None
