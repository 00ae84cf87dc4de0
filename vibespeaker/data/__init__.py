"""From a manifest and a cache (or live audio and text) to batches."""

from vibespeaker.data.splits import Splits
from vibespeaker.labels.policy import LabelPolicy

__all__ = ["LabelPolicy", "Splits"]
