"""Members of a late fusion whose linear layers are found in closed form before training, not learned step by step.

On hundreds of utterances with thousands of features the regularised optimum recognises unseen speakers better than
where a few dozen epochs of an optimiser end (docs/benchmarks.md), and takes seconds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vibespeaker.batch import EmotionBatch, Frames
from vibespeaker.errors import ConfigError
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, NO_CATEGORY
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.models.base import Passes
from vibespeaker.models.heads import EmotionHead
from vibespeaker.models.pooling import FittedPooling, MeanPooling, Pooling
from vibespeaker.models.ridge import Regressed, Ridge, RidgeSums
from vibespeaker.models.standardisation import Standardisation

#: Shares of a bounded value's range at both ends, where its logit would grow without limit.
_MARGIN = 0.05


class SolvedPooling(Pooling):
    """Another pooling, standardised by the whole training split and clipped; nothing of it learns by steps.

    Args:
        dim: width of a frame.
        limit: deviations from the mean beyond which values are clipped.
        pooling: from a frame's width to the other pooling.

    Raises:
        ConfigError: the other pooling learns by steps.
    """

    is_solved = True

    def __init__(self, dim: int, limit: float, pooling: Callable[[int], Pooling] = MeanPooling) -> None:
        super().__init__()
        self.pooling = pooling(dim)
        if any(True for _ in self.pooling.parameters()):
            raise ConfigError(
                "a linear layer found in closed form needs a pooling that does not learn by steps",
                found=type(self.pooling).__name__,
                allowed="MeanPooling, StatisticsPooling or FisherVectors",
            )
        self.limit, self.output_dim = limit, self.pooling.output_dim
        self.standard = Standardisation(self.output_dim).eval()

    def forward(self, frames: Frames) -> Tensor:
        """Pool `(batch, frames, dim)` into `(batch, output_dim)`, float32."""
        standard: Tensor = self.standard(self.pooling(frames))
        return standard.clamp(-self.limit, self.limit)

    def measure(self, frames: Frames) -> None:
        """Count frames of further utterances into what features are standardised by."""
        self.standard.train()(self.pooling(frames))
        self.standard.eval()

    def train(self, mode: bool = True) -> Self:
        """Switch the mode; what features are standardised by stays as it is."""
        super().train(mode)
        self.standard.eval()
        return self


@dataclass(frozen=True)
class SolvedMember:
    """What is found of one encoder.

    Args:
        encoder: its name.
        pooling: its pooling.
        head: its linear layers.
        ridge: how they are found.
    """

    encoder: str
    pooling: SolvedPooling
    head: EmotionHead
    ridge: Ridge


@torch.no_grad()
def solve_members(members: Sequence[SolvedMember], passes: Passes) -> None:
    """Set the weights of all members from the training split; heads without a label there stay as they are.

    Args:
        members: what is set.
        passes: see `Passes`; it is gone through twice, and once more for each pooling that is fitted.
    """
    for member in members:
        if isinstance(member.pooling.pooling, FittedPooling):
            member.pooling.pooling.fit(frames[member.encoder] for frames, _ in passes())
    truths = []
    for member in members:
        member.pooling.standard.reset()
    for frames, batch in passes():
        truths.append(batch.truth())
        for member in members:
            member.pooling.measure(frames[member.encoder])
    truth = EmotionBatch.join(truths)
    targets = [list(_regressed(member.head, truth, member.ridge)) for member in members]
    sums = [
        RidgeSums(member.pooling.output_dim, member.ridge.penalty, [one for _, one in found])
        for member, found in zip(members, targets, strict=True)
    ]
    for _, views in groupby(passes(), lambda one: one[1].rows.tolist()):
        pooled = [[member.pooling(frames[member.encoder]) for member in members] for frames, _ in views]
        for member, rows, features in zip(members, sums, zip(*pooled, strict=True), strict=True):
            for view in member.ridge.spread_out(features):
                rows.add(view)
    for found, rows in zip(targets, sums, strict=True):
        for (place, _), (weights, bias) in zip(found, rows.solve(), strict=True):
            place.layer.weight[place.rows] = weights.to(place.layer.weight)
            place.layer.bias[place.rows] = bias.to(place.layer.bias)


@dataclass(frozen=True)
class _Place:
    """Rows of a linear layer."""

    layer: nn.Linear
    rows: slice


def _regressed(head: EmotionHead, truth: EmotionBatch, ridge: Ridge) -> Iterator[tuple[_Place, Regressed]]:
    """Yield what each output of a head regresses, where there are labels."""
    found: list[tuple[_Place, Tensor, Tensor]] = []
    if head.linear is not None:
        if head.classes:
            place = _Place(head.linear, slice(head.classes))
            found.append((place, *_indicators(truth.category, head.classes, ridge)))
        if head.attributes:
            place = _Place(head.linear, slice(head.classes, None))
            found.append((place, *_values(truth.attributes, ATTRIBUTE_MIN, ATTRIBUTE_MAX)))
    for (name, spec), layer in zip(head.specs.items(), head.further.values(), strict=True):
        assert isinstance(layer, nn.Linear)
        found.append((_Place(layer, slice(None)), *_further(truth.targets[name], spec, ridge)))
    for place, targets, weights in found:
        if bool((weights > 0).any()):
            yield place, Regressed(targets.double(), weights.double() * (weights > 0).sum() / weights.sum())


def _further(target: Tensor, spec: HeadSpec, ridge: Ridge) -> tuple[Tensor, Tensor]:
    if spec.kind == "classification":
        return _indicators(target, len(spec.classes), ridge)
    if spec.kind == "regression":
        return _values(target, spec.low, spec.high)
    known = ~target.isnan().any(1)
    return ridge.sharpness * (target.nan_to_num() - 0.5), known.double()


def _indicators(category: Tensor, classes: int, ridge: Ridge) -> tuple[Tensor, Tensor]:
    """Return what `(N,)` class indices regress, `(N, classes)`, and `(N,)` weights of utterances, 0 without a class."""
    known = category != NO_CATEGORY
    indicators = F.one_hot(category.clamp(min=0), classes).double()
    counts = indicators[known].sum(0).clamp(min=1)
    return ridge.sharpness * indicators, counts.pow(-ridge.balance)[category.clamp(min=0)] * known


def _values(values: Tensor, low: float | None, high: float | None) -> tuple[Tensor, Tensor]:
    """Return what `(N, K)` values regress, and the utterances' weights: 0 where a value is unknown."""
    known = ~values.isnan().any(1)
    if low is None or high is None:
        return values.nan_to_num(), known.double()
    share = (values.nan_to_num(nan=low) - low) / (high - low)
    return share.double().logit(_MARGIN), known.double()
