"""Which recordings a model learned from, in ranges: level, bandwidth and duration."""

import numpy as np
import numpy.typing as npt

from vibespeaker.audio.recordings import Recordings
from vibespeaker.manifest import Manifest
from vibespeaker.progress import tracked
from vibespeaker.systems.facts import MEASURES, measured

#: Shares of recordings that may lie outside of a range, at each end.
_UNUSUAL = 0.01
#: Hz by which the least bandwidth is lowered.
_BANDWIDTH_SLACK = 1000.0
#: Recordings that are read, evenly spread over the table.
MOST = 400


def ranges(manifest: Manifest, splits: tuple[str, ...] | None = None) -> dict[str, tuple[float, float]]:
    """Return each measure's least and greatest, without the most unusual hundredth at each end.

    Args:
        manifest: whose audio can be read; rows of texts alone are left out.
        splits: those that count; null for all.

    Returns:
        One of `facts.MEASURES` → its range; empty where there is no audio.
    """
    recordings, split = Recordings(manifest), manifest.column("split")
    audio = manifest.column("audio")
    rows = [row for row in range(len(manifest)) if audio[row] and (splits is None or split[row] in splits)]
    chosen = [rows[place] for place in np.unique(np.linspace(0, len(rows) - 1, min(MOST, len(rows))).astype(int))]
    found = []
    with tracked("measuring recordings", len(chosen)) as progress:
        for row in chosen:
            found.append(measured(recordings.read(row)))
            progress.advance()
    if not found:
        return {}
    all_ranges = {name: _range(np.array([one[name] for one in found])) for name in MEASURES}
    # the bands at the upper end hold next to nothing in most recordings
    low, high = all_ranges["bandwidth_hz"]
    return {**all_ranges, "bandwidth_hz": (max(low - _BANDWIDTH_SLACK, 0.0), high)}


def _range(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(values, [_UNUSUAL, 1 - _UNUSUAL])
    return round(float(low), 2), round(float(high), 2)
