"""How loud a recording is, and its rough signal-to-noise ratio: two numbers to group scores by."""

import math

import numpy as np
import numpy.typing as npt

_FRAME_SECONDS = 0.02
#: Powers below are digital silence; they would make any ratio infinite.
_FLOOR_DB = -100.0
#: Shares of frames that are taken for noise alone and for speech at its loudest.
_NOISE, _SPEECH = 0.1, 0.9


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


def _decibels(power: float) -> float:
    return min(0.0, 10 * math.log10(max(power, 10 ** (_FLOOR_DB / 10))))
