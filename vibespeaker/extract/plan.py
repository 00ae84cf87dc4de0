"""What is to be encoded, in which order, cut into chunks: the same for every process with the same manifest.

Clips are sorted by duration, longest first: batches then hold clips of nearly equal length, a batch that is too large
for the device fails at once instead of at the end, and the small chunks at the end even out the processes.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vibespeaker.cache.keys import AUDIO, Contents, KeyTable, as_strings, manifest_contents
from vibespeaker.cache.records import EncoderRecord
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.balance_plan import BalancePlan

#: The shards of a chunk, one for each encoder, are kept below this many bytes: their frames are gathered in memory.
MAX_SHARD_BYTES = 1 << 29


@dataclass(frozen=True, eq=False)
class Plan:
    """Distinct (content, view) pairs in the order of encoding.

    Args:
        contents: `(clips, 32)`, uint8.
        views: `(clips,)`, int16.
        rows: `(clips,)`, int64, the first manifest row with that content.
        sizes: `(clips,)`, float64, seconds of audio or characters of text, descending.
        bounds: `(chunks + 1,)`, int64, where chunks begin and end.
    """

    contents: Contents
    views: npt.NDArray[np.int16]
    rows: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.float64]
    bounds: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.views)

    @property
    def chunks(self) -> list[npt.NDArray[np.int64]]:
        """Clip numbers of each chunk."""
        return [np.arange(start, end) for start, end in zip(self.bounds[:-1], self.bounds[1:], strict=True)]

    def name(self, clips: npt.NDArray[np.int64]) -> str:
        """Return the name of the shard that holds exactly these clips: a hash of their keys."""
        digest = hashlib.sha256(self.contents[clips].tobytes())
        digest.update(self.views[clips].astype("<i2").tobytes())
        return digest.hexdigest()[:24]

    @cached_property
    def keys(self) -> KeyTable:
        """The lookup from keys to clip numbers."""
        return KeyTable(self.contents, self.views)


def make_plan(
    manifest: Manifest,
    records: Sequence[EncoderRecord],
    augmented: Sequence[npt.NDArray[np.int64]],
    shard_size: int,
) -> Plan:
    """Plan the extraction of encoders that take the same clips.

    Args:
        manifest: with the columns `audio_sha256`, `duration` and `split`, and that of the encoders.
        records: of the encoders, at least one, all of one column.
        augmented: rows that have view 1, view 2, and so on, of audio encoders; text has the clean view only.
        shard_size: most clips in a chunk.
    """
    (column,) = {record.column for record in records}
    contents = manifest_contents(manifest, column)
    sizes = _sizes(manifest, column)
    everything = _distinct(contents, np.arange(len(manifest)))
    views = [_distinct(contents, rows) for rows in augmented] if column == AUDIO else []
    rows = np.concatenate([everything, *views])
    numbers = np.concatenate([np.full(len(part), view) for view, part in enumerate([everything, *views])])
    order = np.lexsort((numbers, as_strings(contents[rows]), -sizes[rows]))
    rows, numbers = rows[order], numbers[order].astype(np.int16)
    bounds = _bounds(sizes[rows], records, shard_size)
    return Plan(contents[rows], numbers, rows, sizes[rows], bounds)


def augmented_rows(
    manifest: Manifest, views: int, view_splits: Sequence[str], balance: BalancePlan | None = None
) -> list[npt.NDArray[np.int64]]:
    """Return the rows that have view 1, view 2, and so on.

    Args:
        manifest: with the column `split`, and `utterance_id` for a balance plan.
        views: augmented views of the utterances in `view_splits`.
        view_splits: splits that have them.
        balance: its views of its utterances, beside those of `view_splits`.

    Raises:
        ManifestError: the balance plan names utterances that the manifest lacks.
    """
    in_splits = pc.is_in(manifest.table.column("split"), value_set=pa.array(view_splits, pa.string())).to_numpy()
    everywhere = np.flatnonzero(in_splits)
    if balance is None:
        return [everywhere] * views
    rows = balance.rows(manifest)
    of_plan = [rows[balance.views == view] for view in range(1, max(views, balance.highest_view) + 1)]
    return [np.union1d(own, everywhere if view < views else []).astype(np.int64) for view, own in enumerate(of_plan)]


def expected_bytes(plan: Plan, record: EncoderRecord, clips: npt.NDArray[np.bool_] | None = None) -> int:
    """Estimate the bytes of planned frames; texts count one frame per four characters and two frames more.

    Args:
        plan: of the encoder.
        record: of the encoder.
        clips: `(clips,)`, which of the plan's; all without.
    """
    sizes = plan.sizes if clips is None else plan.sizes[clips]
    return int((sizes * _frames_per_unit(record) + (2 if record.modality == "text" else 0)).sum()) * record.frame_bytes


def _sizes(manifest: Manifest, column: str) -> npt.NDArray[np.float64]:
    if column == AUDIO:
        sizes = pc.fill_null(manifest.table.column("duration"), 0.0)
    else:
        sizes = pc.fill_null(pc.utf8_length(manifest.table.column(column)), 0)
    return sizes.to_numpy().astype(np.float64)


def _distinct(contents: Contents, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """First of the given rows with each content."""
    _, first = np.unique(as_strings(contents[rows]), return_index=True)
    return rows[first]


def _bounds(sizes: npt.NDArray[np.float64], records: Sequence[EncoderRecord], shard_size: int) -> npt.NDArray[np.int64]:
    bounds = [0]
    while bounds[-1] < len(sizes):
        size = float(sizes[bounds[-1]])
        longest = sum(max(1.0, size * _frames_per_unit(record)) * record.frame_bytes for record in records)
        count = max(1, min(shard_size, int(MAX_SHARD_BYTES / longest)))
        bounds.append(min(len(sizes), bounds[-1] + count))
    return np.array(bounds, np.int64)


def _frames_per_unit(record: EncoderRecord) -> float:
    return 0.25 if record.frames_per_second is None else record.frames_per_second
