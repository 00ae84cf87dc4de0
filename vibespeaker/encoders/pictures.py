"""Clips as pictures: one mel spectrogram of the whole clip, or a coloured spectrogram of each block of one second."""

from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from vibespeaker.utterance import SAMPLE_RATE

#: Of the mel picture.
MELS, MEL_FFT, MEL_HOP = 128, 1024, 256
#: Of blocks: a window of 16 ms every 4 ms makes 257 frequencies by 251 times of one second.
BLOCK = SAMPLE_RATE
BLOCK_FFT, BLOCK_WINDOW, BLOCK_HOP = 512, 256, 64
#: How far below a picture's strongest value its decibels go, and the floor of silence.
_RANGE_DB, _FLOOR = 80.0, 1e-10
#: Matplotlib's colour map jet: (position, share) of red, green and blue, straight in between.
_JET = (
    ((0.0, 0.0), (0.35, 0.0), (0.66, 1.0), (0.89, 1.0), (1.0, 0.5)),
    ((0.0, 0.0), (0.125, 0.0), (0.375, 1.0), (0.64, 1.0), (0.91, 0.0), (1.0, 0.0)),
    ((0.0, 0.5), (0.11, 1.0), (0.34, 1.0), (0.65, 0.0), (1.0, 0.0)),
)
_COLOURS = 256


def mel_picture(waveform: Tensor, size: int) -> Tensor:
    """Return the mel spectrogram of a clip in dB, zero mean and unit variance, as `(size, size)`, time by mel bands.

    128 mel bands of frames of 64 ms every 16 ms, resized; silence is zero all over.

    Args:
        waveform: `(samples,)`, float32, at 16 kHz.
        size: pixels.
    """
    from torchaudio.functional import melscale_fbanks

    power = _spectrogram(waveform, MEL_FFT, MEL_FFT, MEL_HOP).square()
    bands = melscale_fbanks(
        MEL_FFT // 2 + 1, 0.0, SAMPLE_RATE / 2, MELS, SAMPLE_RATE, norm="slaney", mel_scale="slaney"
    )
    level = _decibels(power @ bands.to(power.device))
    deviation, mean = torch.std_mean(level, correction=0)
    standard = (level - mean) / deviation.clamp(min=1e-3)
    return _resized(standard[None, None], size)[0, 0]


def jet_blocks(waveform: Tensor, starts: list[int], size: int) -> Tensor:
    """Return coloured spectrograms of blocks of one second, `(blocks, 3, size, size)`, 0 to 1, frequency by time.

    The clip's largest amplitude becomes 1. Magnitudes are in dB: a block's strongest is dark red, 80 dB below it and
    less dark blue.

    Args:
        waveform: `(samples,)`, float32, at 16 kHz, at least a second.
        starts: first sample of each block.
        size: pixels.
    """
    scaled = waveform / waveform.abs().max().clamp(min=_FLOOR)
    blocks = torch.stack([scaled[start : start + BLOCK] for start in starts])
    power = _spectrogram(blocks, BLOCK_FFT, BLOCK_WINDOW, BLOCK_HOP).square().transpose(1, 2)  # (blocks, 257, 251)
    level = 10.0 * power.clamp(min=_FLOOR).log10()
    strongest = level.amax((1, 2), keepdim=True)
    shares = ((level - strongest) / _RANGE_DB + 1.0).clamp(0.0, 1.0)
    return _resized(jet(shares).movedim(-1, 1), size)


def jet(shares: Tensor) -> Tensor:
    """Return red, green and blue, 0 to 1, of shares from 0 to 1: one more dimension, 3 wide."""
    places = torch.linspace(0, 1, _COLOURS, dtype=torch.float64)
    table = torch.stack([_between(places, points) for points in _JET], dim=1).to(shares.device, torch.float32)
    return table[(shares * _COLOURS).long().clamp(max=_COLOURS - 1)]


def _between(places: Tensor, points: tuple[tuple[float, float], ...]) -> Tensor:
    """Interpolate between points in straight lines."""
    values = torch.zeros_like(places)
    for (left, low), (right, high) in pairwise(points):
        inside = (places >= left) & (places <= right)
        values = torch.where(inside, low + (high - low) * (places - left) / (right - left), values)
    return values


def _spectrogram(waveforms: Tensor, fft: int, window: int, hop: int) -> Tensor:
    """Return magnitudes `(…, frames, frequencies)` of centred frames, zeros beyond the ends."""
    padded = F.pad(waveforms, (fft // 2, fft // 2))
    shape = torch.hann_window(window, device=waveforms.device)
    spectrum = torch.stft(padded, fft, hop, window, shape, center=False, return_complex=True)
    return spectrum.abs().transpose(-1, -2)


def _decibels(power: Tensor) -> Tensor:
    level = 10.0 * power.clamp(min=_FLOOR).log10()
    return level.clamp(min=float(level.max()) - _RANGE_DB)


def _resized(pictures: Tensor, size: int) -> Tensor:
    return F.interpolate(pictures, (size, size), mode="bilinear", antialias=True, align_corners=False)
