"""What a checkpoint or cache was made of."""

from vibespeaker.provenance.encoders import TUNED_FOR, EncoderProvenance, Fingerprint, Modality, texts_read
from vibespeaker.provenance.record import CHECKPOINT_KEY, TRANSCRIBER_KEY, UNTRAINED, Provenance, never_trained

__all__ = [
    "CHECKPOINT_KEY",
    "TRANSCRIBER_KEY",
    "TUNED_FOR",
    "UNTRAINED",
    "EncoderProvenance",
    "Fingerprint",
    "Modality",
    "Provenance",
    "never_trained",
    "texts_read",
]
