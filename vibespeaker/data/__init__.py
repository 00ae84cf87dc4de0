"""From a manifest and a cache (or live audio and text) to batches."""

from vibespeaker.data.parts import Parts
from vibespeaker.data.targets import LabelPolicy

__all__ = ["LabelPolicy", "Parts"]
