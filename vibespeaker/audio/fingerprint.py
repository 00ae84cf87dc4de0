"""An audio fingerprint that is nearly the same for copies: louder, noisier, compressed or resampled ones.

The audio is averaged down to about 4 kHz and cut into `SLICES` slices of equal length; in each the energy of
`BANDS` bands is taken, logarithmic, with a floor 20 dB below the loudest cell, so that noise under the speech changes
nothing. Two fingerprints are compared by the correlation of their cells, each band centred on its own mean.

Measured on RAVDESS and EmoDB: gain, MP3, another sampling rate and noise down to 10 dB below the speech stay within
0.003; the closest two different takes of one sentence by one actor are 0.051 apart. Changed tempo (0.09 on average)
or pitch (0.13) cannot be told from another take of the same sentence.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

SLICES = 32
BANDS = 12
#: Recordings closer than this are copies of one another.
NEAR = 0.015

_RATE = 4_000
_WINDOW_LENGTH = 256
_LOWEST, _HIGHEST = 100.0, 1_800.0
_FLOOR = 1e-2
_WINDOW = np.hanning(_WINDOW_LENGTH).astype(np.float32)


def fingerprint(samples: npt.NDArray[np.float32], rate: int) -> bytes:
    """Return the fingerprint of a recording.

    Args:
        samples: `(samples,)`, at least one, finite.
        rate: Hz.

    Returns:
        `SLICES * BANDS` bytes, slice by slice; 0 is the floor, 255 the loudest cell.
    """
    step = max(1, round(rate / _RATE))
    whole = len(samples) // step * step
    # sums of strided views: a mean over a short axis is slow, and a matrix product would start BLAS threads in ours
    slow = samples[0:whole:step].copy()
    for offset in range(1, step):
        slow += samples[offset:whole:step]
    frames = max(1, len(slow) // _WINDOW_LENGTH)
    if len(slow) < _WINDOW_LENGTH:
        slow = np.pad(slow, (0, _WINDOW_LENGTH - len(slow)))
    spectrum = np.fft.rfft(slow[: frames * _WINDOW_LENGTH].reshape(frames, _WINDOW_LENGTH) * _WINDOW)
    power = spectrum.real**2 + spectrum.imag**2
    bands = np.add.reduceat(power, _band_starts(rate / step), axis=1)
    cells = _slice_means(bands)
    loudest = cells.max()
    if loudest <= 0:
        return bytes(SLICES * BANDS)
    levels = np.log(np.maximum(cells / loudest, 0) + _FLOOR)
    low, high = np.log(_FLOOR), np.log1p(_FLOOR)
    return np.round((levels - low) / (high - low) * 255).astype(np.uint8).tobytes()


def comparable(fingerprints: Sequence[bytes] | npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return `(fingerprints, SLICES * BANDS)` vectors of length 1; `1 − a @ b` is the distance of two recordings.

    Silence gives a vector of zeros, at distance 1 of everything.

    Args:
        fingerprints: each by itself, or `(fingerprints, SLICES * BANDS)`, the cells of all.
    """
    if not isinstance(fingerprints, np.ndarray):
        fingerprints = np.frombuffer(b"".join(fingerprints), dtype=np.uint8)
    cells = fingerprints.reshape(-1, SLICES, BANDS).astype(np.float32)
    centred = (cells - cells.mean(axis=1, keepdims=True)).reshape(len(cells), SLICES * BANDS)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = centred / np.where(lengths > 0, lengths, 1.0)
    return unit


@lru_cache
def _band_starts(rate: float) -> npt.NDArray[np.int64]:
    """Return the first frequency bin of each band; the last band goes on to the top."""
    edges = np.geomspace(_LOWEST, _HIGHEST, BANDS + 1)[:-1]
    return np.round(edges * _WINDOW_LENGTH / rate).astype(np.int64)


def _slice_means(bands: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Average `(frames, bands)` over `SLICES` equal slices of the frames, fractions of a frame included."""
    sums = np.vstack([np.zeros(BANDS), np.cumsum(bands, axis=0, dtype=np.float64)])
    positions = np.linspace(0, len(bands), SLICES + 1)
    before = np.minimum(positions.astype(np.int64), len(bands) - 1)
    fraction = (positions - before)[:, None]
    means: npt.NDArray[np.float64] = np.diff(sums[before] * (1 - fraction) + sums[before + 1] * fraction, axis=0)
    return means
