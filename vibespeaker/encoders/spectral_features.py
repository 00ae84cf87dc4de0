"""The classical features of speech and music, frame by frame, as librosa defines them: what many systems start from.

Frames of 2048 samples every 512, centred, with zeros beyond a clip's ends; level and zero crossings repeat its ends, as
librosa does for the latter. librosa itself would bring a compiler that takes ten seconds at its first clip; values are
held to its own in tests. Its chroma estimates how a piece is tuned; a voice is not, so that A is 440 Hz here.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FRAME, HOP = 2048, 512
#: Mel bands that cepstra are made of.
CEPSTRAL_MELS = 128
PITCH_CLASSES = 12
#: Power below which decibels stay as they are, and how far below a clip's loudest value they go.
_FLOOR, _RANGE_DB = 1e-10, 80.0
#: Samples closer to zero than this have no sign.
_SILENT = 1e-10


class SpectralFeatures(nn.Module):
    """Features of one clip at a time, each `(frames, values)`, of `samples // 512 + 1` frames.

    Args:
        rate: sampling rate, Hz.
        mels: mel bands that `mel_power` returns.
        cepstra: cepstral coefficients that `mfcc` returns.
    """

    window: Tensor
    mel_bands: Tensor
    cepstral_bands: Tensor
    basis: Tensor
    chroma_bands: Tensor
    hertz: Tensor

    def __init__(self, rate: int, mels: int, cepstra: int) -> None:
        super().__init__()
        from torchaudio.functional import create_dct

        constants = {
            "window": torch.hann_window(FRAME),
            "mel_bands": _mel_bands(mels, rate),
            "cepstral_bands": _mel_bands(CEPSTRAL_MELS, rate),
            "basis": create_dct(cepstra, CEPSTRAL_MELS, norm="ortho"),
            "chroma_bands": chroma_bands(rate),
            "hertz": torch.arange(FRAME // 2 + 1) * (rate / FRAME),
        }
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)

    def magnitude(self, waveform: Tensor) -> Tensor:
        """Return magnitudes `(frames, 1025)` of Hann-windowed frames of `(samples,)`."""
        padded = F.pad(waveform, (FRAME // 2, FRAME // 2))
        spectrum: Tensor = torch.stft(padded, FRAME, HOP, window=self.window, center=False, return_complex=True)
        return spectrum.abs().T

    def mel_power(self, magnitude: Tensor) -> Tensor:
        """Return power in mel bands (Slaney's scale and area), `(frames, mels)`."""
        return magnitude.square() @ self.mel_bands

    def mfcc(self, magnitude: Tensor) -> Tensor:
        """Return cepstra of 128 mel bands in dB, at most 80 dB below the clip's loudest, `(frames, cepstra)`."""
        level = 10.0 * (magnitude.square() @ self.cepstral_bands).clamp(min=_FLOOR).log10()
        return level.clamp(min=float(level.max()) - _RANGE_DB) @ self.basis

    def chroma(self, magnitude: Tensor) -> Tensor:
        """Return the share of each pitch class, from C on, of the strongest one, `(frames, 12)`; zeros for silence."""
        strength = magnitude.square() @ self.chroma_bands
        strongest = strength.amax(dim=1, keepdim=True)
        return strength / torch.where(strongest < torch.finfo(strength.dtype).tiny, 1.0, strongest)

    def centroid(self, magnitude: Tensor) -> Tensor:
        """Return the mean frequency, weighted by magnitude, in Hz, `(frames, 1)`; 0 for silence."""
        total = magnitude.sum(dim=1)
        safe = torch.where(total < torch.finfo(total.dtype).tiny, 1.0, total)
        return ((magnitude @ self.hertz) / safe)[:, None]

    def zero_crossings(self, waveform: Tensor) -> Tensor:
        """Return the share of neighbouring samples of a frame whose signs differ, `(frames, 1)`."""
        ends = (waveform[:1].expand(FRAME // 2), waveform, waveform[-1:].expand(FRAME // 2))
        frames = torch.cat(ends).unfold(0, FRAME, HOP)
        negative = frames < -_SILENT
        return (negative[:, 1:] != negative[:, :-1]).sum(dim=1, keepdim=True) / FRAME

    def level(self, waveform: Tensor) -> Tensor:
        """Return the root of the mean square, `(frames, 1)`."""
        frames = F.pad(waveform, (FRAME // 2, FRAME // 2)).unfold(0, FRAME, HOP)
        return frames.square().mean(dim=1, keepdim=True).sqrt()


def _mel_bands(count: int, rate: int) -> Tensor:
    from torchaudio.functional import melscale_fbanks

    bands: Tensor = melscale_fbanks(FRAME // 2 + 1, 0.0, rate / 2, count, rate, norm="slaney", mel_scale="slaney")
    return bands


def chroma_bands(rate: int) -> Tensor:
    """Return how much each frequency counts for each pitch class, `(1025, 12)`, from C on.

    A bump around every pitch, as wide as a bin is in semitones and at least one semitone. What a frequency counts is a
    vector of length 1, times a bell over octaves around 880 Hz, two octaves wide (Ellis 2007, Chroma feature analysis
    and synthesis).

    Args:
        rate: sampling rate, Hz.
    """
    hertz = torch.arange(1, FRAME, dtype=torch.float64) * (rate / FRAME)
    semitones = PITCH_CLASSES * torch.log2(hertz / (440.0 / 16))
    # the mean of a signal has no pitch: it stands one octave and a half below the first bin
    semitones = torch.cat((semitones[:1] - 1.5 * PITCH_CLASSES, semitones))
    widths = F.pad(semitones.diff().clamp(min=1.0), (0, 1), value=1.0)
    half = PITCH_CLASSES / 2
    apart = semitones[:, None] - torch.arange(PITCH_CLASSES)  # (frequencies, 12)
    apart = torch.remainder(apart + half, PITCH_CLASSES) - half
    bumps = torch.exp(-0.5 * (2 * apart / widths[:, None]) ** 2)
    bumps = bumps / bumps.norm(dim=1, keepdim=True)
    bumps = bumps * torch.exp(-0.5 * ((semitones / PITCH_CLASSES - 5.0) / 2.0) ** 2)[:, None]
    from_c = torch.roll(bumps, -3, dims=1)
    assert math.isfinite(float(from_c.sum()))
    return from_c[: FRAME // 2 + 1].to(torch.float32)
