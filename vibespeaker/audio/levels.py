"""How loud a recording is, its rough signal-to-noise ratio and its bandwidth: numbers to group and to compare by."""

import math

import numpy as np
import numpy.typing as npt

_FRAME_SECONDS = 0.02
#: Powers below are digital silence; they would make any ratio infinite.
_FLOOR_DB = -100.0
#: Shares of frames that are taken for noise alone and for speech at its loudest.
_NOISE, _SPEECH = 0.1, 0.9
#: Of the bandwidth: width of a band, how far below the loudest it still counts, and frames worked on at a time.
_BAND_HZ, _INAUDIBLE_DB, _FRAMES_AT_ONCE = 250, 60.0, 4096


def levels(samples: npt.NDArray[np.float32], rate: int) -> tuple[float, float]:
    """Measure a recording.

    The ratio is that of the 90th to the 10th percentile of the power of frames of 20 ms. It is a rough estimate, not a
    calibrated one: without pauses the quietest frames hold speech, and the ratio comes out too low.

    Args:
        samples: `(samples,)`, at least one, finite, full scale ±1.
        rate: Hz.

    Returns:
        Level in dB relative to full scale, −100 to 0; estimated signal-to-noise ratio in dB, 0 to 100.
    """
    length = max(1, min(len(samples), round(_FRAME_SECONDS * rate)))
    frames = samples[: len(samples) // length * length].reshape(-1, length)
    powers = np.sort(np.einsum("fl,fl->f", frames, frames)) / length  # (frames,)
    quiet, loud = (powers[round(share * (len(powers) - 1))] for share in (_NOISE, _SPEECH))
    return _decibels(powers.mean()), _decibels(loud) - _decibels(quiet)


def bandwidth_hz(samples: npt.NDArray[np.float32], rate: int) -> float:
    """Return up to which frequency a recording holds anything, in Hz: its telephone's or codec's limit.

    It is the upper edge of the highest band of 250 Hz whose mean power lies at most 60 dB below that of the loudest.

    Args:
        samples: `(samples,)`, at least one.
        rate: Hz.
    """
    size = 4 * round(rate / (2 * _BAND_HZ))  # two bins for each band
    frames = max(1, len(samples) // size)
    if len(samples) < size:  # padding copies, and an hour needs none
        samples = np.pad(samples, (0, size - len(samples)))
    cut = samples[: frames * size].reshape(frames, size)
    window = np.hanning(size).astype(np.float32)
    power = np.zeros(size // 2 + 1)
    for start in range(0, frames, _FRAMES_AT_ONCE):
        spectrum = np.fft.rfft(cut[start : start + _FRAMES_AT_ONCE] * window)
        power += (spectrum.real**2 + spectrum.imag**2).sum(axis=0)
    bands = power[1:].reshape(-1, 2).sum(axis=1)
    audible = np.flatnonzero(bands >= bands.max() * 10 ** (-_INAUDIBLE_DB / 10))
    return float((audible[-1] + 1) * _BAND_HZ) if bands.max() > 0 else 0.0


def _decibels(power: float) -> float:
    return min(0.0, 10 * math.log10(max(power, 10 ** (_FLOOR_DB / 10))))
