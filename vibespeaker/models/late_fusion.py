"""Late fusion: one small model for each encoder, trained by itself; their outputs are averaged, each with its weight.

Where a corpus has hundreds of clips, a network that sees everything at once learns from whatever is easiest and leaves
the rest alone. Members that learn apart stay different, and their mean is better than any of them.

Shapes, for a batch of B utterances and M members: frames of one encoder `(B, T, d)` → pooled `(B, P)` → logits
`(B, C)` and attributes `(B, 3)`; the output is the weighted mean over the M members.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import POSITIVE, require_each
from vibespeaker.batch import EmotionOutput, Frames
from vibespeaker.labels.heads import HEADS, HeadSpec
from vibespeaker.models.base import EmotionModel, Passes, check_heads, choose_encoders, frames_of
from vibespeaker.models.heads import EmotionHead
from vibespeaker.models.pooling import MeanPooling, Pooling, StatisticsPooling, make_poolings
from vibespeaker.models.ridge import Ridge
from vibespeaker.models.solved import SolvedMember, SolvedPooling, solve_members


class LateFusion(EmotionModel):
    """Each encoder's frames are pooled and read by a linear head of its own; the outputs of each head are averaged.

    While training, the output holds the own outputs of each member that learns, so that the loss trains each by itself.
    In evaluation it holds the mean alone.

    Args:
        encoder_dims: encoder name → width of its frames.
        classes: number of categories.
        further: further heads, which the data declares; each member has them all.
        pooling: from a frame's width to the pooling module of an encoder.
        poolings: encoder name → one in place of `pooling`; names of encoders that are not read are ignored.
        encoders: names of the encoders to read; all, as given, by default.
        heads: `categories`, `attributes`, both, or neither where there are further heads.
        ridge: encoder name → how the mean of its frames, or what its own pooling in `poolings` makes of them, is read
            by linear layers that are found in closed form before training and do not learn after; names of encoders
            that are not read are ignored.
        weights: encoder name → what its outputs weigh in the mean, above 0; 1 by default; names of encoders that are
            not read are ignored. Members learn the same whatever they weigh.

    Raises:
        ConfigError: an unknown encoder or head, or a weight that is not above 0.
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
        ridge: dict[str, Ridge] | None = None,
        weights: dict[str, float] | None = None,
    ) -> None:
        super().__init__()
        require_each(POSITIVE, "weights", (weights or {}).items())
        self.encoders = choose_encoders(encoder_dims, encoders)
        self.heads = check_heads(heads, further)
        self.encoder_dims = tuple(encoder_dims[name] for name in self.encoders)
        dims = dict(zip(self.encoders, self.encoder_dims, strict=True))
        self.ridge = {name: how for name, how in (ridge or {}).items() if name in dims}
        own = poolings or {}
        solved = {
            name: partial(SolvedPooling, limit=how.limit, pooling=own.get(name, MeanPooling))
            for name, how in self.ridge.items()
        }
        modules = make_poolings(dims, pooling, {**own, **solved})
        self.poolings = nn.ModuleList(modules)
        self.outputs = nn.ModuleList(
            zero_initialised(EmotionHead(module.output_dim, classes, self.heads, further)) for module in modules
        )
        for member in self._solved_members():
            member.head.requires_grad_(False)
        weighed = [(weights or {}).get(name, 1.0) for name in self.encoders]
        #: What each member's outputs weigh in the mean, in the order of `encoders`; 1 in all.
        self.shares = tuple(weight / sum(weighed) for weight in weighed)

    @property
    def solved(self) -> tuple[str, ...]:
        """Encoders whose members are found in closed form."""
        return tuple(self.ridge)

    def solve(self, passes: Passes) -> None:
        """Find their weights; see `solve_members`."""
        solve_members(self._solved_members(), passes)

    def _solved_members(self) -> list[SolvedMember]:
        found = []
        for name, pooling, head in zip(self.encoders, self.poolings, self.outputs, strict=True):
            if name in self.ridge:
                assert isinstance(pooling, SolvedPooling)
                assert isinstance(head, EmotionHead)
                found.append(SolvedMember(name, pooling, head, self.ridge[name]))
        return found

    def forward(self, frames: Mapping[str, Frames]) -> EmotionOutput:
        """Predict a batch; see the module's shapes."""
        members = {}
        for name, dim, pooling, output in zip(
            self.encoders, self.encoder_dims, self.poolings, self.outputs, strict=True
        ):
            members[name] = output(pooling(frames_of(frames, name, dim)))
        mean = EmotionOutput.combine([*members.values()], self._mean)
        if not self.training:
            return mean
        return replace(mean, members=tuple(output for name, output in members.items() if name not in self.ridge))

    def _mean(self, heads: list[Tensor]) -> Tensor:
        return torch.stack([share * head for share, head in zip(self.shares, heads, strict=True)]).sum(0)


def zero_initialised(head: EmotionHead) -> EmotionHead:
    """Initialise a head to uniform outputs: thousands of random weights would start with a bias to be unlearned."""
    for layer in head.layers():
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    return head
