"""Mixup of fused embeddings (Manifold Mixup, Verma et al. 2019): utterances of a training batch are mixed in pairs.

An embedding and that of its partner are mixed as λ·x + (1 − λ)·x′, and so are their targets. Heads are linear in the
embedding, bounded ones up to their sigmoid, so that mixing their scores is the same as mixing embeddings; and on
several processes it needs nothing but the outputs, which are gathered for the loss anyway.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from vibespeaker.arguments.ranges import POSITIVE, SHARE, require
from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.losses import LossParts, MultiTaskLoss
from vibespeaker.models.heads import mix_outputs


@dataclass(frozen=True)
class Mix:
    """How one batch is mixed.

    Args:
        share: λ, what an utterance itself counts for, 0–1.
        partners: `(batch,)`, int64, the position that each is mixed with, a permutation.
    """

    share: float
    partners: Tensor

    def of(self, values: Tensor) -> Tensor:
        """Return `share · values + (1 − share) · values[partners]`; NaN where either is."""
        return self.between(values, values[self.partners])

    def between(self, own: Tensor, partners: Tensor) -> Tensor:
        """Return `share · own + (1 − share) · partners`."""
        return self.share * own + (1 - self.share) * partners


@dataclass(frozen=True)
class Mixup:
    """Whether and how much the utterances of training batches are mixed.

    λ is drawn for each batch from Beta(α, α), by seed, epoch and batch alone: the same on any number of processes, and
    after resuming. Logged training scores are those of the utterances as they are.

    Args:
        alpha: α, above 0; 1 draws λ uniformly, small values keep near one of the two.
        probability: of a batch to be mixed.

    Raises:
        ConfigError: a number is out of range.
    """

    alpha: float = 1.0
    probability: float = 1.0

    def __post_init__(self) -> None:
        require(POSITIVE, **{"mixup.alpha": self.alpha})
        require(SHARE, **{"mixup.probability": self.probability})

    def draw(self, size: int, *where: int) -> Mix | None:
        """Return how a batch is mixed, None for one that is not.

        Args:
            size: utterances of the batch, over all processes.
            where: seed, epoch and number of the batch.
        """
        random = np.random.default_rng([*where, size])
        if random.random() >= self.probability:
            return None
        return Mix(float(random.beta(self.alpha, self.alpha)), torch.from_numpy(random.permutation(size)))


def mixed_terms(
    loss: MultiTaskLoss, output: EmotionOutput, batch: EmotionBatch, mix: Mix | None, heads: Mapping[str, HeadSpec]
) -> dict[str, LossParts]:
    """Return the terms of a loss of a whole batch, mixed.

    Attributes, votes and further values are mixed as numbers; what either of two utterances lacks does not count. Terms
    of classes are λ times the one with an utterance's own class and 1 − λ times the one with its partner's, which for a
    cross-entropy is the one with the mixed distribution.

    Args:
        loss: what is minimised.
        output: of the undivided batch.
        batch: its targets.
        mix: how it is mixed; None leaves it as it is.
        heads: what the further heads predict.
    """
    if mix is None:
        return loss(output, batch)
    mix = replace(mix, partners=mix.partners.to(batch.rows.device))
    own, partners = _sides(batch, mix)
    mixed = mix_outputs(output, mix.of, heads)
    terms, others = loss(mixed, own), loss(mixed, partners)
    return {name: LossParts(*map(mix.between, part, others[name])) for name, part in terms.items()}


def _sides(batch: EmotionBatch, mix: Mix) -> tuple[EmotionBatch, EmotionBatch]:
    """Return the targets twice, with the numbers mixed in both: the classes of each utterance, and of its partner."""
    further = {name: mix.of(value) for name, value in batch.targets.items() if value.is_floating_point()}
    votes, attributes = mix.of(batch.votes), mix.of(batch.attributes)
    own, partners = (
        replace(side, votes=votes, attributes=attributes, targets={**side.targets, **further})
        for side in (batch.truth(), batch.select(mix.partners))
    )
    return own, partners
