"""The last layer: linear maps to the categories' logits, the three attributes and the further heads."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vibespeaker.batch import EmotionOutput
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES
from vibespeaker.labels.heads import ATTRIBUTES_HEAD, CATEGORIES_HEAD, HeadSpec

#: What stands before the name of a further head among a head's parameters: a module's own attributes lack it.
FURTHER_PREFIX = "head_"
#: How near to the ends of its range a bounded value's score is still told, as a share of the range.
_RESOLVED = 1e-6


class EmotionHead(nn.Module):
    """One linear layer for logits and attributes, one for each further head; attributes pass a sigmoid scaled to 1–7.

    It computes in float32 whatever the precision around it: from 4 to 8, bfloat16 numbers are 1/32 apart.

    Args:
        dim: width of the embedding.
        classes: number of logits.
        heads: names of the heads: `categories`, `attributes`, in that order, and further ones.
        further: further head → what it predicts.
    """

    def __init__(self, dim: int, classes: int, heads: tuple[str, ...], further: Mapping[str, HeadSpec]) -> None:
        super().__init__()
        self.classes = classes if CATEGORIES_HEAD in heads else 0
        self.attributes = len(ATTRIBUTES) if ATTRIBUTES_HEAD in heads else 0
        own = self.classes + self.attributes
        self.linear = nn.Linear(dim, own) if own else None
        self.specs = dict(further)
        self.further = nn.ModuleDict(
            {f"{FURTHER_PREFIX}{name}": nn.Linear(dim, spec.outputs) for name, spec in further.items()}
        )

    def forward(self, embedding: Tensor) -> EmotionOutput:
        """Map `(batch, dim)` to logits `(batch, classes)`, attributes `(batch, 3)` and further heads, all float32."""
        further = {
            name: _within(_linear(layer, embedding), spec)
            for (name, spec), layer in zip(self.specs.items(), self.further.values(), strict=True)
        }
        if self.linear is None:
            return EmotionOutput(None, None, heads=further)
        scores = _linear(self.linear, embedding)
        logits, raw = scores[:, : self.classes], scores[:, self.classes :]
        return EmotionOutput(
            logits=logits if self.classes else None,
            attributes=_scaled(raw, ATTRIBUTE_MIN, ATTRIBUTE_MAX) if self.attributes else None,
            heads=further,
        )

    def layers(self) -> tuple[nn.Linear, ...]:
        """Return all linear layers."""
        return tuple(module for module in self.modules() if isinstance(module, nn.Linear))


def mix_outputs(
    output: EmotionOutput, mix: Callable[[Tensor], Tensor], further: Mapping[str, HeadSpec]
) -> EmotionOutput:
    """Return what the heads of `EmotionHead` answer where their embeddings are mixed, computed from their answers.

    A head's scores are linear in the embedding, and so a mean of embeddings has the mean of their scores; bounded
    values are scores behind a sigmoid, which is undone.

    Args:
        output: of a batch.
        mix: from `(batch, outputs)` to means of its rows, each of weights that are 1 in all.
        further: further head → what it predicts.
    """

    def bounded(values: Tensor, low: float, high: float) -> Tensor:
        return _scaled(mix(torch.logit((values - low) / (high - low), eps=_RESOLVED)), low, high)

    return EmotionOutput(
        None if output.logits is None else mix(output.logits),
        None if output.attributes is None else bounded(output.attributes, ATTRIBUTE_MIN, ATTRIBUTE_MAX),
        heads={
            name: mix(head)
            if (spec := further.get(name)) is None or spec.low is None or spec.high is None
            else bounded(head, spec.low, spec.high)
            for name, head in output.heads.items()
        },
    )


def _linear(layer: nn.Module, embedding: Tensor) -> Tensor:
    assert isinstance(layer, nn.Linear)
    with torch.autocast(embedding.device.type, enabled=False):
        return F.linear(embedding.float(), layer.weight.float(), layer.bias.float())


def _within(scores: Tensor, spec: HeadSpec) -> Tensor:
    """Return logits and unbounded values as they are, bounded values within their range."""
    return scores if spec.low is None or spec.high is None else _scaled(scores, spec.low, spec.high)


def _scaled(raw: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * torch.sigmoid(raw)
