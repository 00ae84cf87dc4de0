"""Acoustic descriptors, the audio encoder that needs no download: log-mel bands, pitch, loudness and voice quality.

Each clip is cut into frames of 25 ms, centred every 10 (or 20) ms. Clips are computed one after the other, so that a
result depends on nothing but its clip.
"""

import json
from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from vibespeaker.batch import Frames
from vibespeaker.encoders.base import Encoder, pad_frames
from vibespeaker.encoders.pitch import LOG2_100_HZ, PitchTracker
from vibespeaker.encoders.sharing import made_once
from vibespeaker.encoders.spectrum import PowerSpectrum, mel_bands, range_bands, slopes
from vibespeaker.errors import ConfigError
from vibespeaker.provenance import Fingerprint, Modality
from vibespeaker.utterance import SAMPLE_RATE

Normalisation = Literal["none", "mean", "utterance"]

#: The columns that `prosody` adds.
PROSODY = ("pitch", "relative_pitch", "pitch_slope", "voicing", "level", "level_slope", "tilt", "flatness", "flux")
#: Those of them that a recording's gain or microphone shifts.
_SHIFTED = ("level", "tilt", "flatness")
#: Typical log power of speech and its spread: unnormalised descriptors come out near zero mean and unit variance.
_LOG_CENTRE = -14.0
_LOG_SPREAD = 4.0
_SLOPE_SPREAD = 0.22
#: Changes whenever the numbers change; part of the fingerprint.
_VERSION = 1


class AcousticDescriptors(Encoder):
    """Frame-level descriptors of a voice, scaled to about zero mean and unit variance.

    A frame holds `mels` log-mel bands; their slopes over time, of order 1 to `deltas`; and with `prosody`: pitch above
    100 Hz and above the clip's median (octaves, carried through unvoiced frames), its slope, voicing (height of the
    correlation's peak), level (log power) and its slope, tilt (log power of 1–5 kHz less that below 1 kHz), flatness
    (mean log power of the bands less the log of their mean power) and flux (rise of the bands since the last frame).

    Args:
        mels: mel bands between `low_hz` and `high_hz`, 8 to 128.
        deltas: orders of slopes over ±2 frames, 0 to 2.
        prosody: whether pitch, level and voice quality are appended.
        normalisation: `none` keeps fixed scales; `mean` takes the clip's mean from the bands, level, tilt and flatness,
            which removes gain and microphone; `utterance` gives every value zero mean and unit variance in its clip.
        frames_per_second: 100 or 50.
        pre_emphasis: share of the previous sample that is subtracted before the bands, 0 to below 1.
        low_hz: lower edge of the lowest band.
        high_hz: upper edge of the highest band, at most 8000.
        trim_db: frames before and after speech are left out, where the level stays more than this below that of the
            clip's loudest twentieth, but for 0.1 s; null keeps all.

    Raises:
        ConfigError: an argument is out of range.
    """

    modality: Modality = "audio"
    bands: Tensor

    def __init__(
        self,
        mels: int = 64,
        deltas: int = 1,
        prosody: bool = True,
        normalisation: Normalisation = "none",
        frames_per_second: int = 100,
        pre_emphasis: float = 0.97,
        low_hz: float = 40.0,
        high_hz: float = 7800.0,
        trim_db: float | None = None,
    ) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {
            "mels": mels,
            "deltas": deltas,
            "prosody": prosody,
            "normalisation": normalisation,
            "frames_per_second": frames_per_second,
            "pre_emphasis": float(pre_emphasis),
            "low_hz": float(low_hz),
            "high_hz": float(high_hz),
        }
        if trim_db is not None:  # absent otherwise, so that caches made without it stay valid
            self.settings["trim_db"] = float(trim_db)
        _check(self.settings)
        self._identity = json.dumps(self.settings, sort_keys=True)
        self.trim_db = trim_db
        self.frames_per_second = float(frames_per_second)
        self.mels = mels
        self.deltas = deltas
        self.normalisation = normalisation
        hop = SAMPLE_RATE // frames_per_second
        self.spectrum = PowerSpectrum(hop, pre_emphasis)
        self.tracker = PitchTracker(hop) if prosody else None
        self.dim = mels * (1 + deltas) + (len(PROSODY) if prosody else 0)
        bands = torch.cat((mel_bands(mels, low_hz, high_hz), range_bands((40, 1000), (1000, 5000))), dim=1)
        self.register_buffer("bands", bands, persistent=False)

    def fingerprint(self) -> Fingerprint:
        """Return class, version and settings; there are no weights."""
        return Fingerprint({"class": "AcousticDescriptors", "version": str(_VERSION), "preprocessing": self._identity})

    def feature_names(self) -> tuple[str, ...]:
        """Return log-mel bands by number from 1, their slopes, and prosody."""
        bands = [f"band {number}" for number in range(1, self.mels + 1)]
        orders = ("", "slope of ", "slope of slope of ")[: self.deltas + 1]
        prosody = PROSODY if self.tracker is not None else ()
        return (*(order + band for order in orders for band in bands), *(name.replace("_", " ") for name in prosody))

    @torch.no_grad()
    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Encode waveforms, each `(samples,)` at 16 kHz: `(frames, dim)` each.

        There are `ceil(samples / hop)` frames; trimming leaves fewer.
        """
        clips = [torch.as_tensor(clip) for clip in inputs]
        return pad_frames([made_once(clip, self._identity, self._describe) for clip in clips])

    def _describe(self, waveform: Tensor) -> Tensor:
        device = self.bands.device
        # what the tracker shares is known by the memory that it was made of, which therefore has to last
        waveform = made_once(waveform, ("float32", device), lambda wave: wave.to(device, torch.float32))
        power = self.spectrum(waveform, self.bands)
        bands = (power[:, : self.mels].log() - _LOG_CENTRE) / _LOG_SPREAD
        columns = [bands]
        for _ in range(self.deltas):
            columns.append(slopes(columns[-1]) / _SLOPE_SPREAD)
        if self.tracker is not None:
            columns.append(self._prosody(waveform, power, bands))
        values = torch.cat(columns, dim=1)  # (frames, dim)
        if self.trim_db is not None:
            first, end = _speech(
                power[:, self.mels :].sum(dim=1), self.trim_db, round(0.1 * self.settings["frames_per_second"])
            )
            values = values[first:end]
        if self.normalisation == "mean":
            shifted = self._shifted_columns()
            values[:, shifted] -= values[:, shifted].mean(dim=0)
        elif self.normalisation == "utterance":
            deviation, mean = torch.std_mean(values, dim=0, correction=0)
            values = (values - mean) / deviation.clamp(min=1e-3)
        return values

    def _prosody(self, waveform: Tensor, power: Tensor, bands: Tensor) -> Tensor:
        """Return the columns of `PROSODY`, `(frames, 9)`."""
        assert self.tracker is not None
        pitch = self.tracker(waveform, len(power))
        mel_power, low, high = power[:, : self.mels], power[:, self.mels], power[:, self.mels + 1]
        # The centres and factors below are those of speech: each column comes out near zero mean and unit variance.
        level = ((low + high).log() - _LOG_CENTRE - 6.0) / _LOG_SPREAD
        flatness = mel_power.log().mean(dim=1) - mel_power.mean(dim=1).log()
        rise = bands.diff(dim=0, prepend=bands[:1]).clamp_(min=0).mean(dim=1)
        rising, louder = slopes(torch.stack((pitch.log2_hz, level), dim=1)).unbind(dim=1)
        columns = (
            (pitch.log2_hz - LOG2_100_HZ) * 1.5 - 1.0,
            (pitch.log2_hz - pitch.median) * 3.0,
            rising * 20.0,
            pitch.voicing * 3.0 - 2.0,
            level,
            louder / _SLOPE_SPREAD,
            (high.log() - low.log() - 1.5) / 3.0,
            flatness + 2.0,
            rise * 5.0 - 0.7,
        )
        return torch.stack(columns, dim=1)

    def _shifted_columns(self) -> list[int]:
        first = self.mels * (1 + self.deltas)
        prosody = [first + PROSODY.index(name) for name in _SHIFTED] if self.tracker is not None else []
        return [*range(self.mels), *prosody]


def _speech(power: Tensor, trim_db: float, margin: int) -> tuple[int, int]:
    """Return the first frame of speech, and the one behind its last, with `margin` frames around it."""
    level = 10 * power.log10()
    loud = torch.nonzero(level >= level.quantile(0.95) - trim_db)[:, 0]
    return max(0, int(loud[0]) - margin), min(len(power), int(loud[-1]) + 1 + margin)


def _check(settings: dict[str, Any]) -> None:
    """Refuse settings out of range, naming the first."""
    low, high = settings["low_hz"], settings["high_hz"]
    rules = {
        "mels": (8 <= settings["mels"] <= 128, "8 to 128"),
        "deltas": (settings["deltas"] in (0, 1, 2), "0, 1, 2"),
        "normalisation": (settings["normalisation"] in get_args(Normalisation), ", ".join(get_args(Normalisation))),
        "frames_per_second": (settings["frames_per_second"] in (50, 100), "50, 100"),
        "pre_emphasis": (0 <= settings["pre_emphasis"] < 1, "0 to below 1"),
        "low_hz": (0 <= low < high, "0 to below high_hz"),
        "trim_db": (settings.get("trim_db", 1.0) > 0, "above 0"),
        "high_hz": (high <= SAMPLE_RATE / 2, f"at most {SAMPLE_RATE // 2}"),
    }
    for name, (holds, allowed) in rules.items():
        if not holds:
            raise ConfigError(f"AcousticDescriptors: {name} is out of range", found=settings[name], allowed=allowed)
