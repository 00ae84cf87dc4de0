"""From a manifest and a cache (or live audio and text) to batches."""

from vibespeaker.data.datamodule import EmotionDataModule
from vibespeaker.data.parts import Parts
from vibespeaker.data.provenance import EncoderProvenance, Provenance
from vibespeaker.data.targets import LabelPolicy

__all__ = ["EmotionDataModule", "EncoderProvenance", "LabelPolicy", "Parts", "Provenance"]
