"""Near-identical recordings among many, by their fingerprints.

Fingerprints are vectors of length 1, and two are near when they lie within a small distance of each other. Projecting
both on any orthonormal axes can only bring them closer, so every near pair is also close in the leading axes; those
that are, of about equal duration, are compared in full. The result is exact; the axes, taken from a sample, only decide
how many pairs are compared in vain.

Every two recordings of about equal duration are looked at, by matrix products: of a million recordings these are some
10¹⁰ pairs at a few billionths of a second each. A k-d tree skips most of them and takes longer.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vibespeaker.audio.fingerprint import BANDS, NEAR, SLICES, comparable
from vibespeaker.errors import ManifestError
from vibespeaker.manifest import Manifest

#: Copies differ by so little in duration, seconds: padding of lossy formats, rounding of resampling.
SAME_DURATION = 0.1

_AXES, _ITERATIONS = 30, 4
_SAMPLE = 1024
#: Vectors take 1.5 kB each, and as much again while they are made.
_PAIRS_AT_ONCE = 8_192
#: Recordings whose pairs are looked at together: the products stay in the processor's cache.
_ASKED_AT_ONCE, _CANDIDATES_AT_ONCE = 512, 2_048
#: Of distances, whichever way they are summed.
_ROUNDING = 1e-4
#: Durations this much apart need no comparison: a hair more than `SAME_DURATION`, which is what decides.
_DURATION_MARGIN = SAME_DURATION + 1e-6

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class AudioFingerprints:
    """Fingerprints of the rows that have one.

    Of a million, the vectors to be compared would take 1.5 GB: only those of pairs in question are made.

    Args:
        rows: `(N,)` row numbers in the manifest.
        at: `(N,)` their places in `cells`.
        cells: `(all, cells)`, uint8, fingerprints of all rows that have one, shared by all selections.
        places: `(N, axes)`, float32, their projections on the leading axes.
        seconds: `(N,)` durations.
    """

    rows: Rows
    at: Rows
    cells: npt.NDArray[np.uint8]
    places: npt.NDArray[np.float32]
    seconds: npt.NDArray[np.float64]

    def take(self, rows: Rows) -> "AudioFingerprints":
        """Return the fingerprints of some rows of the manifest."""
        return self._chosen(np.flatnonzero(np.isin(self.rows, rows)))

    def vectors(self, chosen: Rows) -> npt.NDArray[np.float32]:
        """Return the vectors of length 1 of chosen ones, `(chosen, cells)`."""
        return comparable(self.cells[self.at[chosen]])

    def _chosen(self, chosen: Rows) -> "AudioFingerprints":
        places, seconds = self.places[chosen], self.seconds[chosen]
        return AudioFingerprints(self.rows[chosen], self.at[chosen], self.cells, places, seconds)


def audio_fingerprints(manifest: Manifest) -> AudioFingerprints:
    """Return the fingerprints of a manifest with the columns `fingerprint` and `duration`; silence has none.

    Raises:
        ManifestError: a fingerprint has another length.
    """
    column = manifest.table.column("fingerprint")
    rows = np.flatnonzero(column.is_valid().to_numpy()).astype(np.int64)
    cells = _cells(column)
    seconds = np.nan_to_num(manifest.table.column("duration").to_numpy()[rows].astype(np.float64))
    places = np.zeros((len(rows), _AXES), np.float32)
    everything = AudioFingerprints(rows, np.arange(len(rows)), cells, places, seconds)
    if not len(rows):
        return everything
    sample = np.linspace(0, len(rows) - 1, min(_SAMPLE, len(rows))).astype(np.int64)
    axes = _axes(everything.vectors(sample))
    sounding = np.zeros(len(rows), bool)
    for start in range(0, len(rows), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        vectors = comparable(cells[part])
        sounding[part] = vectors.any(axis=1)
        places[part] = vectors @ axes
    return everything._chosen(np.flatnonzero(sounding))


def _axes(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return orthonormal axes along which `(sample, cells)` reach about farthest, `(cells, axes)`.

    By subspace iteration: all that has to be exact is that the axes are orthonormal, and the library's decompositions
    take as long as all else on a small manifest.
    """
    axes = np.random.default_rng(0).normal(size=(vectors.shape[1], _AXES))
    for _ in range(_ITERATIONS):
        axes = np.linalg.qr(vectors.T @ (vectors @ axes.astype(np.float32)).astype(np.float64))[0]
    leading: npt.NDArray[np.float32] = axes.astype(np.float32)
    return leading


def _cells(column: pa.ChunkedArray) -> npt.NDArray[np.uint8]:
    """Return the fingerprints that are there, `(fingerprints, cells)`, as they lie in the table's memory."""
    parts = [np.empty((0, SLICES * BANDS), np.uint8)]
    for chunk in column.chunks:
        known = chunk.drop_null() if chunk.null_count else chunk
        if len(known):
            offsets = np.frombuffer(known.buffers()[1], np.int32)[known.offset : known.offset + len(known) + 1]
            if (np.diff(offsets) != SLICES * BANDS).any():
                raise ManifestError(
                    "the manifest holds fingerprints of another length",
                    allowed=f"{SLICES * BANDS} bytes",
                    remedy="make it again with: vibespeaker prepare",
                )
            cells = np.frombuffer(known.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
            parts.append(cells.reshape(len(known), -1))
    return parts[1] if len(parts) == 2 else np.concatenate(parts)


def near_pairs(first: AudioFingerprints, second: AudioFingerprints) -> npt.NDArray[np.int64]:
    """Return `(pairs, 2)` row numbers of near-identical recordings, one of `first` and one of `second` each, sorted."""
    return _near(first, second, itself=False)


def near_pairs_within(one: AudioFingerprints) -> npt.NDArray[np.int64]:
    """Return `(pairs, 2)` row numbers of near-identical recordings, every two of them once, sorted."""
    return _near(one, one, itself=True)


def _near(first: AudioFingerprints, second: AudioFingerprints, itself: bool) -> npt.NDArray[np.int64]:
    order, others = (np.argsort(side.seconds, kind="stable") for side in (first, second))
    seconds = second.seconds[others]
    found = [np.empty((0, 2), dtype=np.int64)]
    # neighbours in duration together, so that few others come into question
    for start in range(0, len(order), _ASKED_AT_ONCE):
        asked = order[start : start + _ASKED_AT_ONCE]
        shortest, longest = first.seconds[asked[[0, -1]]] + (-_DURATION_MARGIN, _DURATION_MARGIN)
        begin = start if itself else int(np.searchsorted(seconds, shortest))
        end = int(np.searchsorted(seconds, longest, side="right"))
        left, right = _close(first.places[asked], second.places, others[begin:end])
        pairs = _compared(first, second, asked[left], right)
        found.append(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1) if itself else pairs)
    pairs = np.concatenate(found)
    # of one side, two that were asked about together found each other
    return np.unique(pairs, axis=0) if itself else pairs[np.lexsort(pairs.T[::-1])]


def _close(asked: npt.NDArray[np.float32], places: npt.NDArray[np.float32], candidates: Rows) -> tuple[Rows, Rows]:
    """Return places among `asked`, and candidates, of pairs that lie close in the leading axes.

    |a − b|² = |a|² + |b|² − 2 a·b, of which one product makes −|a − b|² / 2: the squares stand beside the coordinates.

    Args:
        asked: `(asked, axes)`.
        places: `(all, axes)`.
        candidates: rows of `places`.
    """
    beside = np.hstack([asked, -0.5 * np.square(asked).sum(1, keepdims=True), np.ones((len(asked), 1), np.float32)])
    left, right = [], []
    for start in range(0, len(candidates), _CANDIDATES_AT_ONCE):
        some = candidates[start : start + _CANDIDATES_AT_ONCE]
        there = places[some]
        squares = -0.5 * np.square(there).sum(1, keepdims=True)
        near = beside @ np.hstack([there, np.ones_like(squares), squares]).T > -(NEAR + _ROUNDING)
        if near.any():
            who, whom = np.nonzero(near)
            left.append(who)
            right.append(some[whom])
    return (np.concatenate(left), np.concatenate(right)) if left else (candidates[:0], candidates[:0])


def _compared(first: AudioFingerprints, second: AudioFingerprints, left: Rows, right: Rows) -> npt.NDArray[np.int64]:
    """Return the offered pairs that are near indeed."""
    kept = []
    for start in range(0, len(left), _PAIRS_AT_ONCE):
        a, b = left[start : start + _PAIRS_AT_ONCE], right[start : start + _PAIRS_AT_ONCE]
        alike = 1 - np.einsum("nd,nd->n", first.vectors(a), second.vectors(b)) < NEAR
        alike &= np.abs(first.seconds[a] - second.seconds[b]) <= SAME_DURATION
        kept.append(np.stack([first.rows[a[alike]], second.rows[b[alike]]], axis=1))
    return np.concatenate(kept) if kept else np.empty((0, 2), dtype=np.int64)
