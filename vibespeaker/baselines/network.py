"""A classical classifier in the place of a network: frames in, logits out."""

from collections.abc import Callable, Mapping

import numpy as np
import torch

from vibespeaker.baselines.fitting import Probabilities, spread
from vibespeaker.baselines.summaries import Features, Summary, summarised
from vibespeaker.batch import EmotionOutput, Frames
from vibespeaker.labels.heads import CATEGORIES_HEAD
from vibespeaker.models.base import EmotionModel, frames_of

#: Floor of probabilities whose logarithms are logits: neighbours and trees say that a class is impossible.
LEAST = 1e-6


class ClassicalModel(EmotionModel):
    """Summarises the frames of each encoder and asks a fitted classifier.

    Args:
        encoder_dims: encoder name → width of its frames, in the order in which vectors stand side by side.
        summaries: encoder name → how its frames become a vector.
        answer: from `(N, dim)` features to `(N, len(present))` probabilities.
        present: class positions that the classifier knows.
        classes: number of classes.
    """

    def __init__(
        self,
        encoder_dims: Mapping[str, int],
        summaries: Mapping[str, Summary],
        answer: Callable[[Features], Probabilities],
        present: tuple[int, ...],
        classes: int,
    ) -> None:
        super().__init__()
        self.encoders, self.heads = tuple(encoder_dims), (CATEGORIES_HEAD,)
        self.dims, self.summaries = dict(encoder_dims), dict(summaries)
        self.answer, self.present, self.classes = answer, present, classes

    def forward(self, frames: Mapping[str, Frames]) -> EmotionOutput:
        """Answer a batch."""
        vectors = [summarised(frames_of(frames, name, self.dims[name]), self.summaries[name]) for name in self.encoders]
        found = self.answer(torch.cat(vectors, dim=1).cpu().numpy())
        logits = log_probabilities(spread(found, self.present, self.classes))
        return EmotionOutput(torch.from_numpy(logits.astype(np.float32)).to(vectors[0].device), None)


def log_probabilities(probabilities: Probabilities) -> Probabilities:
    """Return logits, `(N, classes)`: logarithms of probabilities, which count for at least `LEAST`."""
    return np.log(np.maximum(probabilities, LEAST))
