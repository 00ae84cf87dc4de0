"""How the frames of an encoder become one vector per utterance."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from torch import Tensor

from vibespeaker.batch import Frames
from vibespeaker.models.pooling import MeanPooling, StatisticsPooling

#: How an encoder's frames become a vector: the only frame, or mean and standard deviation over time.
Summary = Literal["frame", "mean and deviation"]
Features = npt.NDArray[np.float32]
_POOLINGS: dict[Summary, type[MeanPooling] | type[StatisticsPooling]] = {
    "frame": MeanPooling,
    "mean and deviation": StatisticsPooling,
}


def summary_of(lengths: npt.NDArray[np.int64]) -> Summary:
    """Return how the frames of an encoder become a vector, from how many frames the utterances have, `(N,)`."""
    return "frame" if bool((lengths == 1).all()) else "mean and deviation"


def summarised(frames: Frames, summary: Summary) -> Tensor:
    """Return `(batch, dim)`, or `(batch, 2 · dim)` for mean and standard deviation, float32.

    Args:
        frames: `(batch, frames, dim)`.
        summary: see `Summary`.
    """
    return _POOLINGS[summary](frames.dim)(frames)
