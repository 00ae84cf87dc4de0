"""Fundamental frequency of every frame by normalised cross-correlation, without a loop over frames.

The waveform is brought to 4 kHz, where a frame's correlation with itself shifted by 2 to 20 ms costs two short Fourier
transforms (Talkin 1995, "A robust algorithm for pitch tracking", equation 3.2 for the normalisation and its ballast).
A first pass takes the best peak of every frame; a second one prefers peaks near the pitch around the frame and within
an octave of the clip's usual pitch, correcting octave errors (De Looze and Hirst 2008 choose the range per clip in the
same spirit). Pitch is carried linearly through unvoiced frames and a running median removes remaining errors.
Voicing is the height of the peak.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vibespeaker.encoders.sharing import made_once

DECIMATION = 4
RATE = 4000.0
LOWEST_HZ = 55.0
HIGHEST_HZ = 550.0
#: Correlated samples: 30 ms at 4 kHz.
_WINDOW = 120
_LAGS = int(RATE / LOWEST_HZ) + 2
_FFT = 256
#: Correlations are interpolated to this multiple of 4 kHz before peaks are sought.
_UPSAMPLING = 2
_FIRST, _LAST = int(RATE * _UPSAMPLING / HIGHEST_HZ), _LAGS * _UPSAMPLING
#: An octave lower must be this much higher a peak, since every multiple of a period is a peak as well.
_LAG_COST = 0.04
#: Second pass: cost of an octave away from the pitch around, and of one beyond an octave from the clip's usual pitch.
_JUMP_COST = 0.2
_RANGE_COST = 0.3
#: Frames whose peak is higher are voiced.
VOICED = 0.5
LOG2_100_HZ = 6.643856
_MEDIAN_FRAMES = 5
_AROUND_FRAMES = 15
_FRAMES_AT_ONCE = 8192


@dataclass(frozen=True)
class Pitch:
    """Pitch of one clip.

    Args:
        log2_hz: `(frames,)`, log2 of the frequency, between voiced frames interpolated; 100 Hz throughout where no
            frame is voiced.
        voicing: `(frames,)`, height of the correlation's peak, −1 to 1.
        median: the voiced frames' median of log2_hz, a scalar; log2 of 100 Hz where no frame is voiced.
    """

    log2_hz: Tensor
    voicing: Tensor
    median: Tensor

    @property
    def voiced(self) -> Tensor:
        """`(frames,)`, True on frames with voice."""
        return self.voicing > VOICED


def low_pass_kernel(taps: int = 64, cutoff_hz: float = 1400.0, rate: float = 16_000.0) -> Tensor:
    """Return a Hann-windowed sinc, `(taps,)`, of unit gain at 0 Hz."""
    time = torch.arange(taps, dtype=torch.float64) - (taps - 1) / 2
    kernel = torch.sinc(2 * cutoff_hz / rate * time) * torch.hann_window(taps, periodic=False, dtype=torch.float64)
    return (kernel / kernel.sum()).to(torch.float32)


def decimate(waveform: Tensor, kernel: Tensor) -> Tensor:
    """Filter `(samples,)` and keep every fourth sample, from the first; samples beyond the ends count as zero.

    One matrix product of groups of four samples with the kernel's groups of four, summed along its diagonals: several
    times faster on a CPU than a strided convolution of one channel.

    Args:
        waveform: `(samples,)`.
        kernel: `(taps,)`, symmetric, a multiple of 8 taps.
    """
    taps = len(kernel) // DECIMATION
    outputs = -(-len(waveform) // DECIMATION)
    before = len(kernel) // 2
    padded = F.pad(waveform, (before, (outputs + taps) * DECIMATION - before - len(waveform)))
    products = padded.view(-1, DECIMATION) @ kernel.view(taps, DECIMATION).T  # (outputs + taps, taps)
    return products.as_strided((outputs, taps), (taps, taps + 1)).sum(dim=1)


class PitchTracker(nn.Module):
    """Tracks pitch of clips at 16 kHz.

    Args:
        hop: samples at 16 kHz between frames; a multiple of 4.
    """

    kernel: Tensor
    lags: Tensor
    octaves: Tensor

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop = hop // DECIMATION
        self.register_buffer("kernel", low_pass_kernel(), persistent=False)
        lags = torch.arange(_FIRST, _LAST, dtype=torch.float32)
        self.register_buffer("lags", lags, persistent=False)
        self.register_buffer("octaves", torch.log2(RATE * _UPSAMPLING / lags[1:-1]), persistent=False)

    def forward(self, waveform: Tensor, frames: int) -> Pitch:
        """Return the pitch at the middle of every frame.

        Args:
            waveform: `(samples,)` at 16 kHz; trackers of different frames share its 4 kHz within `shared_results`.
            frames: number of frames; frame i is centred at sample `(i + 0.5) · hop` of the 16 kHz signal.
        """
        slow = made_once(waveform, "4 kHz", lambda wave: decimate(wave, self.kernel))
        segment = _WINDOW + _LAGS
        before = segment // 2 - self.hop // 2
        after = max(0, (frames - 1) * self.hop + segment - before - len(slow))
        segments = F.pad(slow, (before, after)).unfold(0, segment, self.hop)[:frames]
        ballast = 0.01 * slow.square().mean() * _WINDOW + 1e-8
        parts = [self._correlate(part, ballast) for part in torch.split(segments, _FRAMES_AT_ONCE)]
        return self._track(torch.cat(parts))

    def _correlate(self, segments: Tensor, ballast: Tensor) -> Tensor:
        """Return the normalised correlation `(frames, lags)` of `(frames, segment)`."""
        segments = segments - segments.mean(dim=1, keepdim=True)
        spectrum = torch.fft.rfft(segments, _FFT)
        spectrum = spectrum * torch.fft.rfft(segments[:, :_WINDOW], _FFT).conj()
        upsampled = torch.fft.irfft(spectrum, _FFT * _UPSAMPLING) * _UPSAMPLING
        energy = F.pad(segments.square().cumsum(dim=1), (1, 0))
        energy = energy[:, _WINDOW : _WINDOW + _LAGS + 1] - energy[:, : _LAGS + 1]  # (frames, lags at 4 kHz)
        between = (energy[:, :-1] + energy[:, 1:]) / 2
        shifted = torch.stack((energy[:, :-1], between), dim=2).flatten(1)  # (frames, lags at 8 kHz)
        norm = (energy[:, :1] * shifted[:, _FIRST:_LAST]).clamp(min=0).sqrt() + ballast
        return upsampled[:, _FIRST:_LAST] / norm

    def _track(self, correlation: Tensor) -> Pitch:
        """Choose one lag per frame from `(frames, lags)`."""
        inner = correlation[:, 1:-1]
        is_peak = (inner >= correlation[:, :-2]) & (inner > correlation[:, 2:])
        score = inner + _LAG_COST * self.octaves
        score = torch.where(is_peak, score, score - 2.0)
        pitch = _continuous(*self._refine(correlation, score.argmax(dim=1) + 1))
        around = running_median(pitch.log2_hz, _AROUND_FRAMES)
        cost = (self.octaves - around[:, None]).abs_().mul_(_JUMP_COST)
        cost += _RANGE_COST * ((self.octaves - pitch.median).abs() - 1.0).clamp(min=0)
        return _continuous(*self._refine(correlation, (score - cost).argmax(dim=1) + 1))

    def _refine(self, correlation: Tensor, best: Tensor) -> tuple[Tensor, Tensor]:
        """Fit a parabola through each peak and its neighbours: log2 of its frequency, and its height."""
        around = torch.stack((best - 1, best, best + 1), dim=1)
        left, middle, right = correlation.gather(1, around).unbind(dim=1)
        curvature = left - 2 * middle + right
        shift = torch.where(curvature < -1e-6, 0.5 * (left - right) / curvature.clamp(max=-1e-6), 0.0).clamp(-0.5, 0.5)
        lag = self.lags[best] + shift
        return torch.log2(RATE * _UPSAMPLING / lag), middle.clamp(-1.0, 1.0)


def _continuous(log2_hz: Tensor, voicing: Tensor) -> Pitch:
    """Carry pitch through unvoiced frames and smooth it."""
    (voiced,) = torch.nonzero(voicing > VOICED, as_tuple=True)
    if len(voiced) == 0:
        flat = torch.full_like(log2_hz, LOG2_100_HZ)
        return Pitch(flat, voicing, flat[0])
    heights = log2_hz[voiced].cpu().numpy()
    carried = np.interp(np.arange(len(log2_hz)), voiced.cpu().numpy(), heights)
    whole = torch.from_numpy(carried).to(log2_hz)
    smooth = running_median(whole, _MEDIAN_FRAMES)
    return Pitch(smooth, voicing, smooth[voiced].median())


def running_median(values: Tensor, width: int) -> Tensor:
    """Return the median of `width` (odd) neighbours of each of `(frames,)`; ends are repeated."""
    padded = F.pad(values[None, None], (width // 2, width // 2), mode="replicate")[0, 0]
    return padded.unfold(0, width, 1).median(dim=1).values
