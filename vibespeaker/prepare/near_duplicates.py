"""Near-identical recordings among many, by their fingerprints, without comparing each with each.

Fingerprints are vectors of length 1, and two are near when they lie within a small distance of each other. Projecting
both on any orthonormal axes can only bring them closer, so every near pair is also close in a few leading axes; these
and the duration go into a k-d tree, and what it offers is then compared in full. The result is exact; the axes, taken
from a sample, only decide how many pairs are offered in vain. Measured on RAVDESS and EmoDB together: one pair in
10,000 at twelve axes, before durations are looked at.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vibespeaker.audio.fingerprint import BANDS, NEAR, SLICES, comparable
from vibespeaker.errors import ManifestError
from vibespeaker.manifest import Manifest

#: Copies differ by so little in duration, seconds: padding of lossy formats, rounding of resampling.
SAME_DURATION = 0.1

_AXES = 12
_SAMPLE = 4096
_LEAF = 32
#: |a − b|² = 2 (1 − a·b) for vectors of length 1
_RADIUS = float(np.sqrt(2 * NEAR))
#: What the largest difference in duration counts against the radius: much, since durations tell most pairs apart.
_DURATION_WEIGHT = 2.0
#: Vectors take 1.5 kB each, and as much again while they are made.
_PAIRS_AT_ONCE = 8_192
_QUERIES_AT_ONCE = 1_000
#: So many pairs are compared each with each.
_FEW_PAIRS = 4_000_000
#: Of similarities, whichever way they are summed.
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
        places: `(N, axes + 1)` their coordinates in the tree.
        seconds: `(N,)` durations.
    """

    rows: Rows
    at: Rows
    cells: npt.NDArray[np.uint8]
    places: npt.NDArray[np.float64]
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
    everything = AudioFingerprints(rows, np.arange(len(rows)), cells, np.empty((len(rows), _AXES + 1)), seconds)
    if not len(rows):
        return everything
    sample = np.linspace(0, len(rows) - 1, min(_SAMPLE, len(rows))).astype(np.int64)
    axes = np.linalg.svd(everything.vectors(sample), full_matrices=False)[2][:_AXES]
    sounding = np.zeros(len(rows), bool)
    places = np.zeros((len(rows), len(axes) + 1))
    for start in range(0, len(rows), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        vectors = comparable(cells[part])
        sounding[part] = vectors.any(axis=1)
        places[part, :-1] = vectors @ axes.T
    places[:, -1] = seconds / SAME_DURATION * _RADIUS * _DURATION_WEIGHT
    return replace(everything, places=places)._chosen(np.flatnonzero(sounding))


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
    offer = _alike if len(order) * len(others) <= _FEW_PAIRS else _close
    found = [np.empty((0, 2), dtype=np.int64)]
    # neighbours in duration together, so that few others come into question and the trees stay small
    for start in range(0, len(order), _QUERIES_AT_ONCE):
        asked = order[start : start + _QUERIES_AT_ONCE]
        shortest, longest = first.seconds[asked[[0, -1]]] + (-_DURATION_MARGIN, _DURATION_MARGIN)
        begin = start if itself else int(np.searchsorted(seconds, shortest))
        candidates = others[begin : np.searchsorted(seconds, longest, side="right")]
        if not len(candidates):
            continue
        left, right = offer(first, asked, second, candidates)
        if itself:
            left, right = left[left < right], right[left < right]
        found.append(_compared(first, second, asked[left], candidates[right]))
    pairs = np.concatenate(found)
    return pairs[np.lexsort(pairs.T[::-1])]


def _alike(first: AudioFingerprints, asked: Rows, second: AudioFingerprints, candidates: Rows) -> tuple[Rows, Rows]:
    """Return places among `asked` and `candidates` of pairs that are about near, by comparing each with each."""
    left, right = np.nonzero(1 - first.vectors(asked) @ second.vectors(candidates).T < NEAR + _ROUNDING)
    return left, right


def _close(first: AudioFingerprints, asked: Rows, second: AudioFingerprints, candidates: Rows) -> tuple[Rows, Rows]:
    """Return places among `asked` and `candidates` of pairs that are close in a few axes, by k-d trees."""
    from scipy.spatial import cKDTree  # which takes as long to import as all else that a small manifest needs

    reach = _RADIUS * np.sqrt(1 + _DURATION_WEIGHT**2)
    trees = (cKDTree(side.places[rows], leafsize=_LEAF) for side, rows in ((first, asked), (second, candidates)))
    offered = next(trees).sparse_distance_matrix(next(trees), reach, output_type="ndarray")
    return offered["i"], offered["j"]


def _compared(first: AudioFingerprints, second: AudioFingerprints, left: Rows, right: Rows) -> npt.NDArray[np.int64]:
    """Return the offered pairs that are near indeed."""
    kept = []
    for start in range(0, len(left), _PAIRS_AT_ONCE):
        a, b = left[start : start + _PAIRS_AT_ONCE], right[start : start + _PAIRS_AT_ONCE]
        alike = 1 - np.einsum("nd,nd->n", first.vectors(a), second.vectors(b)) < NEAR
        alike &= np.abs(first.seconds[a] - second.seconds[b]) <= SAME_DURATION
        kept.append(np.stack([first.rows[a[alike]], second.rows[b[alike]]], axis=1))
    return np.concatenate(kept) if kept else np.empty((0, 2), dtype=np.int64)
