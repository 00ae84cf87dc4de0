"""A clip's mel spectrogram as a picture of fixed size, without weights: what `SpectrogramCNN` reads."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vibespeaker.arguments.ranges import Range, require
from vibespeaker.batch import Frames
from vibespeaker.encoders.base import Encoder
from vibespeaker.encoders.pictures import MEL_FFT, MEL_HOP, MELS, mel_picture
from vibespeaker.provenance import Fingerprint, Modality

_SIZE = Range(16, 1024, whole=True)
#: Changes whenever the numbers change; part of the fingerprint.
_VERSION = 1


class MelPictures(Encoder):
    """The mel spectrogram of a clip in dB, standardised and resized: as many frames as it has bands.

    Args:
        size: pixels of each side.

    Raises:
        ConfigError: the size is out of range.
    """

    modality: Modality = "audio"
    frames_per_second = None  # as many for every clip

    def __init__(self, size: int = 128) -> None:
        super().__init__()
        require(_SIZE, size=size)
        self.dim = size

    def fingerprint(self) -> Fingerprint:
        """Return class, version and settings; there are no weights."""
        settings = f"{MELS} bands, {MEL_FFT} by {MEL_HOP}, {self.dim} pixels"
        return Fingerprint({"class": "MelPictures", "version": str(_VERSION), "preprocessing": settings})

    @torch.no_grad()
    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Return `(batch, size, size)`, time by mel bands, of waveforms, each `(samples,)` at 16 kHz."""
        pictures = torch.stack([mel_picture(torch.as_tensor(clip).to(torch.float32), self.dim) for clip in inputs])
        return Frames(pictures, torch.full((len(pictures),), self.dim, dtype=torch.int64, device=pictures.device))
