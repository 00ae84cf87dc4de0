"""Random batches and outputs, some targets missing."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from vibespeaker.batch import NO_CATEGORY, EmotionBatch, EmotionOutput

CLASSES = 4


@dataclass(frozen=True)
class Example:
    output: EmotionOutput
    batch: EmotionBatch

    @property
    def logits(self) -> np.ndarray:
        return self.output.logits.detach().double().numpy()

    @property
    def predicted(self) -> np.ndarray:
        return self.output.attributes.detach().double().numpy()


def make_batch(category=None, attributes=None, votes=None) -> EmotionBatch:
    sizes = [len(values) for values in (category, attributes, votes) if values is not None]
    size = sizes[0]
    nan = float("nan")
    return EmotionBatch(
        rows=torch.arange(size),
        category=torch.full((size,), NO_CATEGORY) if category is None else torch.as_tensor(category),
        votes=torch.full((size, CLASSES), nan) if votes is None else torch.as_tensor(votes, dtype=torch.float32),
        attributes=torch.full((size, 3), nan)
        if attributes is None
        else torch.as_tensor(attributes, dtype=torch.float32),
    )


@pytest.fixture
def example() -> Example:
    """Twelve utterances; every third has no category, every fourth no votes, some attributes are unknown."""
    generator = torch.Generator().manual_seed(3)
    size = 12
    category = torch.randint(0, CLASSES, (size,), generator=generator)
    category[::3] = NO_CATEGORY
    votes = torch.randint(0, 4, (size, CLASSES), generator=generator).float() + torch.eye(CLASSES)[0]
    votes = votes / votes.sum(1, keepdim=True)
    votes[::4] = float("nan")
    attributes = 1 + 6 * torch.rand(size, 3, generator=generator)
    attributes[1] = float("nan")
    attributes[4, 2] = float("nan")
    output = EmotionOutput(
        logits=torch.randn(size, CLASSES, generator=generator).requires_grad_(),
        attributes=(1 + 6 * torch.rand(size, 3, generator=generator)).requires_grad_(),
    )
    return Example(output, make_batch(category, attributes, votes))
