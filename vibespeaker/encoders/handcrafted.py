"""The hand-crafted features of two published systems, one long frame per clip; they need no download.

- `HandcraftedMeans`: 94 means over time (arXiv 2312.11503, section III-B), for classical classifiers and for `CNN1d`.
- `HandcraftedFrames`: 108 frames of 22 values, side by side: 2376 (a notebook on fusing audio and text), for
  `FeatureCNN`.

They are as they come, from shares below 1 to thousands of Hz: what reads them brings them to a common scale.
"""

import json
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from vibespeaker.arguments.ranges import Range, require
from vibespeaker.audio.files import resample
from vibespeaker.batch import Frames
from vibespeaker.encoders.base import Encoder
from vibespeaker.encoders.spectral_features import CEPSTRAL_MELS, HOP, PITCH_CLASSES, SpectralFeatures
from vibespeaker.provenance import Fingerprint, Modality
from vibespeaker.utterance import SAMPLE_RATE

#: Changes whenever the numbers change; part of the fingerprint.
_VERSION = 1
#: Mel bands wider than a bin of the spectrum, at least for most of them.
_MELS = Range(1, CEPSTRAL_MELS, whole=True)
_NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_CROSSINGS, _CENTROID = "zero-crossing rate", "spectral centroid"


class _Handcrafted(Encoder):
    """One frame per clip, clips one after the other, so that a result depends on nothing but its clip."""

    modality: Modality = "audio"
    frames_per_second = None  # one per clip, whatever its length

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self.settings = settings

    def fingerprint(self) -> Fingerprint:
        """Return class, version and settings; there are no weights."""
        settings = json.dumps(self.settings, sort_keys=True)
        return Fingerprint({"class": type(self).__name__, "version": str(_VERSION), "preprocessing": settings})

    @torch.no_grad()
    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Describe waveforms, each `(samples,)` at 16 kHz: `(1, dim)` each."""
        values = torch.stack([self._describe(torch.as_tensor(clip).to(torch.float32)) for clip in inputs])
        return Frames(values[:, None], torch.ones(len(values), dtype=torch.int64, device=values.device))

    @abstractmethod
    def _describe(self, waveform: Tensor) -> Tensor:
        """Return `(dim,)` of `(samples,)`."""


class HandcraftedMeans(_Handcrafted):
    """Means over time of chroma (12), mel power (60), MFCC (20), zero-crossing rate and spectral centroid: 94 values.

    At 16 kHz, frames of 128 ms every 32 ms.

    Args:
        mels: mel bands, up to 128.
        cepstra: cepstral coefficients, up to 128.

    Raises:
        ConfigError: an argument is out of range.
    """

    def __init__(self, mels: int = 60, cepstra: int = 20) -> None:
        require(_MELS, mels=mels, cepstra=cepstra)
        super().__init__({"mels": mels, "cepstra": cepstra})
        self.features = SpectralFeatures(SAMPLE_RATE, mels, cepstra)
        self.dim = PITCH_CLASSES + mels + cepstra + 2

    def feature_names(self) -> tuple[str, ...]:
        """Return chroma by note, mel bands and MFCC by number from 1, zero-crossing rate and spectral centroid."""
        mels, cepstra = self.settings["mels"], self.settings["cepstra"]
        return (
            *(f"chroma {note}" for note in _NOTES),
            *(f"mel {number}" for number in range(1, mels + 1)),
            *(f"MFCC {number}" for number in range(1, cepstra + 1)),
            *(_CROSSINGS, _CENTROID),
        )

    def _describe(self, waveform: Tensor) -> Tensor:
        features = self.features
        waveform = waveform.to(features.window.device)
        magnitude = features.magnitude(waveform)
        columns = (
            features.chroma(magnitude),
            features.mel_power(magnitude),
            features.mfcc(magnitude),
            features.zero_crossings(waveform),
            features.centroid(magnitude),
        )
        return torch.cat([column.mean(dim=0) for column in columns])


class HandcraftedFrames(_Handcrafted):
    """Zero-crossing rate, level and MFCC of each frame of a stretch of the clip, side by side: 2376 values.

    The stretch is 2.5 s long, from 0.6 s on, at 22,050 Hz; clips that end before are followed by silence, and one that
    has nothing there is taken from its start. Of its 108 frames come all zero-crossing rates, then all levels, then the
    20 MFCC of the first frame, of the second, and so on.

    Args:
        seconds: length of the stretch, up to 60.
        offset: its start, seconds.
        cepstra: cepstral coefficients, up to 128.
        rate: Hz, 8000 to 48,000; clips are resampled to it.

    Raises:
        ConfigError: an argument is out of range.
    """

    def __init__(self, seconds: float = 2.5, offset: float = 0.6, cepstra: int = 20, rate: int = 22_050) -> None:
        require(Range(0, 60, above=True), seconds=seconds)
        require(Range(0, 3600), offset=offset)
        require(_MELS, cepstra=cepstra)
        require(Range(8000, 48_000, whole=True), rate=rate)
        super().__init__({"seconds": float(seconds), "offset": float(offset), "cepstra": cepstra, "rate": rate})
        self.rate, self.start, self.samples = rate, round(offset * rate), round(seconds * rate)
        self.features = SpectralFeatures(rate, 1, cepstra)
        self.frames = self.samples // HOP + 1
        self.dim = self.frames * (2 + cepstra)

    def feature_names(self) -> tuple[str, ...]:
        """Return what each value is, and of which frame, from 1."""
        frames = range(1, self.frames + 1)
        once = [f"{name}, frame {frame}" for name in (_CROSSINGS, "level") for frame in frames]
        cepstra = range(1, self.settings["cepstra"] + 1)
        return (*once, *(f"MFCC {number}, frame {frame}" for frame in frames for number in cepstra))

    def _describe(self, waveform: Tensor) -> Tensor:
        features = self.features
        stretch = self._stretch(waveform).to(features.window.device)
        columns = (
            features.zero_crossings(stretch),
            features.level(stretch),
            features.mfcc(features.magnitude(stretch)),
        )
        return torch.cat([column.flatten() for column in columns])

    def _stretch(self, waveform: Tensor) -> Tensor:
        """Return `(samples,)` of the stretch at its own rate."""
        samples = torch.from_numpy(resample(waveform.cpu().numpy(), SAMPLE_RATE, self.rate))
        start = self.start if len(samples) > self.start else 0
        stretch = samples[start : start + self.samples]
        return F.pad(stretch, (0, self.samples - len(stretch)))
