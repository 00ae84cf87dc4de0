"""How the frames of an encoder become one vector per utterance."""

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vibespeaker.batch import Frames

#: How an encoder's frames become a vector: the only frame, or mean and standard deviation over time.
Summary = Literal["frame", "mean and deviation"]
Features = npt.NDArray[np.float32]


def summary_of(lengths: npt.NDArray[np.int64]) -> Summary:
    """Return how the frames of an encoder become a vector, from how many frames the utterances have, `(N,)`."""
    return "frame" if bool((lengths == 1).all()) else "mean and deviation"


def summarised(frames: Frames, summary: Summary) -> Tensor:
    """Return `(batch, dim)`, or `(batch, 2 · dim)` for mean and standard deviation, float32.

    Args:
        frames: `(batch, frames, dim)`.
        summary: see `Summary`.
    """
    values, mask = frames.values.to(torch.float32), frames.mask()[:, :, None]
    count = mask.sum(1)
    mean = values.masked_fill(~mask, 0.0).sum(1) / count
    if summary == "frame":
        return mean
    variance = (values - mean[:, None]).masked_fill(~mask, 0.0).square().sum(1) / count
    return torch.cat((mean, variance.sqrt()), dim=1)
