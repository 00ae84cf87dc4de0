"""The system that knows only the training split's labels: its most frequent class and mean attributes."""

import numpy as np

from vibespeaker.evaluation.statistics import System
from vibespeaker.evaluation.targets import Targets, Truth
from vibespeaker.labels import ATTRIBUTES

NAME = "majority/mean"


def majority_and_mean(truth: Truth, targets: Targets) -> tuple[System, str]:
    """Return the reference system and what it was made from.

    The training split is used; where the manifest has none, the scored split stands in, which is optimistic. Ties go
    to the first class.

    Args:
        truth: the manifest's labels.
        targets: the scored split.
    """
    training = truth.frame[truth.frame["split"] == "train"]
    origin = "labels of the training split"
    if training.empty:
        training, origin = targets.frame, "labels of the scored split: the manifest has no training split"
    counts = [int((training["category"] == emotion).sum()) for emotion in truth.labels.classes]
    predicted = np.full(len(targets), int(np.argmax(counts)), np.int64) if any(counts) else None
    means = training[list(ATTRIBUTES)].astype(float).mean().to_numpy(np.float64, na_value=np.nan)
    return System(NAME, predicted, np.tile(means, (len(targets), 1))), origin
