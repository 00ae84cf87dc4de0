"""How long utterances are whose frames are not there yet, for batches of like length."""

import numpy as np
import numpy.typing as npt

#: Frames per second by which live audio is measured.
_FRAME_RATE = 50


def estimated_frames(seconds: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Return `(N,)` about how many frames each utterance has, at least one.

    Args:
        seconds: `(N,)` durations; NaN where nobody knows.
    """
    return np.maximum(np.ceil(np.nan_to_num(seconds) * _FRAME_RATE).astype(np.int64), 1)
