"""Each frame is classified by itself, and an utterance is the mean of their probabilities: for blocks of speech.

While training, every frame is a member with a loss of its own, as if it were an utterance; the encoder gives all clips
of a batch as many. In evaluation an utterance's logits are the log of its frames' mean probability, values are means.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import torch
from torch import Tensor

from vibespeaker.arguments.ranges import SHARE_BELOW_ONE, require
from vibespeaker.batch import EmotionOutput, Frames
from vibespeaker.errors import ConfigError
from vibespeaker.labels.heads import HEADS, HeadSpec
from vibespeaker.models.base import EmotionModel, check_heads, choose_encoders, frames_of
from vibespeaker.models.dropout import Dropout
from vibespeaker.models.heads import EmotionHead


class MeanProbability(EmotionModel):
    """Linear heads on every frame of one encoder, and the mean of their answers.

    Args:
        encoder_dims: encoder name → width of its frames.
        classes: number of categories.
        further: further heads, which the data declares; the model has them all.
        dropout: probability of dropping a value of a frame.
        joint: a further head of classes, such as `gender`, with which the categories are told apart: the network has
            one logit for every pair, with `losses.JointCrossEntropy`; evaluation sums probabilities over pairs.
        encoders: name of the encoder to read, where there are several.
        heads: `categories`, `attributes`, both, or neither where there are further heads.

    Raises:
        ConfigError: an unknown encoder or head, several encoders, or a joint head without classes.
    """

    def __init__(
        self,
        encoder_dims: Mapping[str, int],
        classes: int,
        further: Mapping[str, HeadSpec] = MappingProxyType({}),
        dropout: float = 0.0,
        joint: str | None = None,
        encoders: list[str] | None = None,
        heads: list[str] = list(HEADS),  # noqa: B006 (never mutated)
    ) -> None:
        super().__init__()
        require(SHARE_BELOW_ONE, dropout=dropout)
        self.encoders = choose_encoders(encoder_dims, encoders)
        if len(self.encoders) != 1:
            raise ConfigError("MeanProbability reads one encoder", found=", ".join(self.encoders))
        self.heads = check_heads(heads, further)
        self.dim = encoder_dims[self.encoders[0]]
        self.joint, self.pairs = joint if joint in further else None, 1
        # without data, as where a checkpoint is about to bring its heads, there are no pairs yet
        if joint is not None and joint in further:
            if further[joint].kind != "classification" or "categories" not in heads:
                raise ConfigError(
                    "MeanProbability: joint names no head of classes beside the categories",
                    found=joint,
                    allowed=[name for name, spec in further.items() if spec.kind == "classification"],
                )
            self.pairs = further[joint].outputs
        self.dropout = Dropout(dropout)
        own = {name: spec for name, spec in further.items() if name != joint}
        self.head = EmotionHead(self.dim, classes * self.pairs, (*heads, *own), own)

    def forward(self, frames: Mapping[str, Frames]) -> EmotionOutput:
        """Predict a batch; see the module."""
        own = frames_of(frames, self.encoders[0], self.dim)
        batch, longest, dim = own.values.shape
        each = self.head(self.dropout(own.values.float()).reshape(batch * longest, dim))
        by_frame = each.map(lambda head: head.view(batch, longest, -1))
        mean = self._marginal(self._averaged(by_frame, own))
        if not self.training:
            return mean
        if bool((own.lengths != longest).any()):
            raise ConfigError(
                "MeanProbability trains on as many frames of every clip",
                found=f"{int(own.lengths.min())} to {longest}",
                remedy="run an encoder that draws them inside the model, such as ImageEncoder with picture: blocks",
            )
        members = (by_frame.map(lambda head, at=at: head[:, at]) for at in range(longest))
        # a member keeps the logits of pairs, which its loss reads
        return replace(mean, members=tuple(replace(self._marginal(one), logits=one.logits) for one in members))

    def _averaged(self, by_frame: EmotionOutput, frames: Frames) -> EmotionOutput:
        """Average `(batch, frames, outputs)` over real frames: probabilities of classes, values of regression."""
        mask = frames.mask()
        counts = mask.sum(1, keepdim=True)

        def probability(logits: Tensor) -> Tensor:
            own = logits.log_softmax(2).masked_fill(~mask[:, :, None], -torch.inf)
            return own.logsumexp(1) - counts.log()

        def value(values: Tensor) -> Tensor:
            return values.masked_fill(~mask[:, :, None], 0.0).sum(1) / counts

        specs = self.head.specs
        return EmotionOutput(
            None if by_frame.logits is None else probability(by_frame.logits),
            None if by_frame.attributes is None else value(by_frame.attributes),
            heads={
                name: (probability if specs[name].kind == "classification" else value)(head)
                for name, head in by_frame.heads.items()
            },
        )

    def _marginal(self, output: EmotionOutput) -> EmotionOutput:
        """Sum probabilities over pairs: `(batch, classes · pairs)` into categories and the joint head's classes."""
        if self.joint is None or output.logits is None:
            return output
        pairs = output.logits.log_softmax(1).view(len(output.logits), -1, self.pairs)
        return replace(output, logits=pairs.logsumexp(2), heads={**output.heads, self.joint: pairs.logsumexp(1)})
