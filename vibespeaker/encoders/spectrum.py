"""Short-time power spectra, mel bands and slopes over time."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vibespeaker.utterance import SAMPLE_RATE

WINDOW = 400
FFT = 512
#: Power below this counts as this: 100 dB below a full-scale sine, under the noise of 16-bit recordings.
FLOOR = 1e-10
_FRAMES_AT_ONCE = 8192


class PowerSpectrum(nn.Module):
    """Power spectra of Hann-windowed frames of 25 ms; a full-scale sine has power 1 in its bin.

    Args:
        hop: samples between frames.
        pre_emphasis: share of the previous sample that is subtracted within a frame.
    """

    window: Tensor

    def __init__(self, hop: int, pre_emphasis: float) -> None:
        super().__init__()
        self.hop = hop
        self.pre_emphasis = pre_emphasis
        window = torch.hann_window(WINDOW, dtype=torch.float64)
        self.register_buffer("window", (window * 2.0 / window.sum()).to(torch.float32), persistent=False)

    def frames(self, samples: int) -> int:
        """Return how many frames a waveform has: `ceil(samples / hop)`, at least one."""
        return max(1, -(-samples // self.hop))

    def forward(self, waveform: Tensor, weights: Tensor) -> Tensor:
        """Return weighted sums of each frame's power, `(frames, bands)`, at least `FLOOR`.

        Args:
            waveform: `(samples,)`; samples beyond its ends count as zero, frame i is centred at `(i + 0.5) · hop`.
            weights: `(FFT / 2 + 1, bands)`.
        """
        frames = self.frames(len(waveform))
        before = WINDOW // 2 - self.hop // 2
        after = max(0, (frames - 1) * self.hop + WINDOW - before - len(waveform))
        windows = F.pad(waveform, (before, after)).unfold(0, WINDOW, self.hop)[:frames]
        return torch.cat([self._bands(part, weights) for part in torch.split(windows, _FRAMES_AT_ONCE)])

    def _bands(self, windows: Tensor, weights: Tensor) -> Tensor:
        windows = windows - windows.mean(dim=1, keepdim=True)
        if self.pre_emphasis > 0:
            windows[:, 1:] -= self.pre_emphasis * windows[:, :-1]
        spectrum = torch.fft.rfft(windows.mul_(self.window), FFT)
        power = spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)
        return (power @ weights).clamp_(min=FLOOR)


def mel_bands(count: int, low_hz: float, high_hz: float) -> Tensor:
    """Return triangular bands `(FFT / 2 + 1, count)`, equally spaced in mel = 2595 · log10(1 + hz / 700), peak 1.

    Triangles too narrow to hold a bin take the power at their centre by interpolation, so no band is ever empty: there
    it differs from `torchaudio.functional.melscale_fbanks` (3 of 64 bands from 40 Hz on), and equals it elsewhere.
    """
    mel_edges = torch.linspace(_mel(low_hz), _mel(high_hz), count + 2, dtype=torch.float64)
    edges = 700 * (10 ** (mel_edges / 2595) - 1)
    bins = torch.arange(FFT // 2 + 1, dtype=torch.float64) * SAMPLE_RATE / FFT
    width = SAMPLE_RATE / FFT
    centre = edges[1:-1]
    left = torch.minimum(edges[:-2], centre - width)
    right = torch.maximum(edges[2:], centre + width)
    rising = (bins[:, None] - left) / (centre - left)
    falling = (right - bins[:, None]) / (right - centre)
    return torch.minimum(rising, falling).clamp(min=0).to(torch.float32)


def _mel(hz: float) -> float:
    return float(2595 * torch.log10(torch.tensor(1 + hz / 700, dtype=torch.float64)))


def range_bands(*ranges: tuple[float, float]) -> Tensor:
    """Return rectangular bands `(FFT / 2 + 1, len(ranges))` from low, included, to high, excluded, in Hz."""
    bins = torch.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT
    return torch.stack([((bins >= low) & (bins < high)).to(torch.float32) for low, high in ranges], dim=1)


def cepstra(count: int, bands: int) -> Tensor:
    """Return the first vectors of the orthonormal cosine transform (DCT-II), `(bands, count)`: log bands → cepstra.

    Computed in float64 and rounded once. `torchaudio.functional.create_dct` computes in float32, and is off by up to
    6e-7: frames in caches, and models that learned from them, have the numbers of this one.
    """
    centres = (torch.arange(bands, dtype=torch.float64)[:, None] + 0.5) * torch.arange(count, dtype=torch.float64)
    basis = torch.cos(math.pi / bands * centres) * math.sqrt(2 / bands)
    basis[:, 0] /= math.sqrt(2)
    return basis.to(torch.float32)


def with_cepstra(described: Tensor, basis: Tensor) -> Tensor:
    """Return `(frames, count + others)`: log bands, the first `(frames, bands)` of what is given, as cepstra.

    Args:
        described: `(frames, bands + others)`.
        basis: `(bands, count)`, see `cepstra`.
    """
    bands, others = described.tensor_split([len(basis)], dim=1)
    return torch.cat((bands @ basis, others), dim=1)


def slopes(values: Tensor) -> Tensor:
    """Return the regression slope per frame over ±2 frames, `(frames, dim)` like `values`; ends are repeated.

    The slope at t is Σ k·x[t+k] / Σ k² for k = −2…2 (HTK book, equation 5.16). The same numbers as those of
    `torchaudio.functional.compute_deltas`, in a quarter of its time.
    """
    padded = torch.cat((values[:1], values[:1], values, values[-1:], values[-1:]))
    return (padded[3:-1] - padded[1:-3] + 2 * (padded[4:] - padded[:-4])) / 10
