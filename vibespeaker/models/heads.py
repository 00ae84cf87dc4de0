"""The last layer: one linear map to the categories' logits and the three attributes."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vibespeaker.batch import EmotionOutput
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES
from vibespeaker.models.base import ATTRIBUTES_HEAD, CATEGORIES_HEAD


class EmotionHead(nn.Module):
    """One linear layer for logits and attributes; the attributes pass a sigmoid scaled to 1–7.

    It computes in float32 whatever the precision around it: from 4 to 8, bfloat16 numbers are 1/32 apart.

    Args:
        dim: width of the embedding.
        classes: number of logits.
        heads: `categories`, `attributes` or both, in that order.
    """

    def __init__(self, dim: int, classes: int, heads: tuple[str, ...]) -> None:
        super().__init__()
        self.classes = classes if CATEGORIES_HEAD in heads else 0
        self.attributes = len(ATTRIBUTES) if ATTRIBUTES_HEAD in heads else 0
        self.linear = nn.Linear(dim, self.classes + self.attributes)

    def forward(self, embedding: Tensor) -> EmotionOutput:
        """Map `(batch, dim)` to logits `(batch, classes)` and attributes `(batch, 3)`, both float32."""
        with torch.autocast(embedding.device.type, enabled=False):
            scores = F.linear(embedding.float(), self.linear.weight.float(), self.linear.bias.float())
        logits, raw = scores[:, : self.classes], scores[:, self.classes :]
        scaled = ATTRIBUTE_MIN + (ATTRIBUTE_MAX - ATTRIBUTE_MIN) * torch.sigmoid(raw)
        return EmotionOutput(
            logits=logits if self.classes else None,
            attributes=scaled if self.attributes else None,
        )
