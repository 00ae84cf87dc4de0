"""Acoustic contours, an audio encoder that needs no download: timbre, melody and loudness over time, and their slopes.

What `AcousticFunctionals` and `Rocket` sum up, frame by frame; its values depend little on each other, which mixtures
of Gaussians with diagonal covariance ask for (`models.FisherVectors`).
"""

import json
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vibespeaker.arguments.ranges import POSITIVE, Range, require
from vibespeaker.batch import Frames
from vibespeaker.encoders.base import Encoder, pad_frames
from vibespeaker.encoders.descriptors import PROSODY, AcousticDescriptors
from vibespeaker.encoders.spectrum import cepstra as cosine_transform
from vibespeaker.encoders.spectrum import slopes, with_cepstra
from vibespeaker.provenance import Fingerprint, Modality

RATE = 50
MELS = 64
_CEPSTRA = Range(1, MELS, whole=True)
#: Changes whenever the numbers change; part of the fingerprint.
_VERSION = 1


class AcousticContours(Encoder):
    """Cepstra and prosody, 50 frames per second, and the slopes of both.

    Args:
        cepstra: how many, 1 to 64, of 64 log-mel bands; the first is the sum of the bands.
        trim_db: silence before and after speech is left out, as by `AcousticDescriptors`; null keeps all.

    Raises:
        ConfigError: an argument is out of range.
    """

    modality: Modality = "audio"
    frames_per_second = float(RATE)
    basis: Tensor

    def __init__(self, cepstra: int = 13, trim_db: float | None = 40.0) -> None:
        super().__init__()
        require(_CEPSTRA, cepstra=cepstra)
        require(POSITIVE, trim_db=trim_db)
        self.settings: dict[str, Any] = {
            "cepstra": cepstra,
            "trim_db": None if trim_db is None else float(trim_db),
        }
        self.descriptors = AcousticDescriptors(MELS, 0, True, "none", RATE, trim_db=trim_db)
        self.register_buffer("basis", cosine_transform(cepstra, MELS), persistent=False)
        self.dim = 2 * (cepstra + len(PROSODY))

    def fingerprint(self) -> Fingerprint:
        """Return class, version, settings and those of the descriptors; there are no weights."""
        parts = {**self.settings, **self.descriptors.fingerprint().parts}
        settings = json.dumps(parts, sort_keys=True)
        return Fingerprint({"class": "AcousticContours", "version": str(_VERSION), "preprocessing": settings})

    def feature_names(self) -> tuple[str, ...]:
        """Return cepstra by number from 1, prosody, and the slopes of both."""
        cepstral = [f"cepstrum {number}" for number in range(1, self.settings["cepstra"] + 1)]
        contours = [*cepstral, *(name.replace("_", " ") for name in PROSODY)]
        return (*contours, *(f"slope of {name}" for name in contours))

    @torch.no_grad()
    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Encode waveforms, each `(samples,)` at 16 kHz: `(frames, dim)` each."""
        return pad_frames([self._encode_one(torch.as_tensor(clip)) for clip in inputs])

    def _encode_one(self, waveform: Tensor) -> Tensor:
        described = self.descriptors([waveform]).values[0]  # (frames, MELS + prosody)
        contours = with_cepstra(described, self.basis)
        return torch.cat((contours, slopes(contours)), dim=1)
