"""Checking a cache for consistency and against a manifest, and removing what is damaged."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vibespeaker.cache.index import Index, ShardIndex, merge
from vibespeaker.cache.keys import manifest_contents
from vibespeaker.cache.merge import INDEX_FILE, merge_index
from vibespeaker.cache.precision import from_stored
from vibespeaker.cache.records import EncoderRecord, read_record
from vibespeaker.cache.shards import checksum, index_path, map_frames, shard_names, shard_path
from vibespeaker.errors import CacheError
from vibespeaker.files import storage_errors
from vibespeaker.manifest import Manifest
from vibespeaker.progress import tracked

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Damage:
    """A fault that was found.

    Args:
        where: a file of the cache, or the encoder's folder for what is missing altogether.
        reason: what is wrong, with utterances named.
        shard: the shard's name when removing it is the remedy.
    """

    where: Path
    reason: str
    shard: str | None = None


def verify_encoder(folder: Path, manifest: Manifest, augmented: Sequence[npt.NDArray[np.int64]] = ()) -> list[Damage]:
    """Check one encoder's folder of a cache: every byte of every shard, the index, and that the manifest is complete.

    Args:
        folder: the encoder's folder.
        manifest: whose utterances must all be there, and whose identifiers are named.
        augmented: rows that must have view 1, view 2, and so on, of an audio encoder.

    Returns:
        What is wrong, shards first.

    Raises:
        CacheError: there is no readable record of the encoder.
    """
    record = read_record(folder)
    names = shard_names(folder)
    damages = []
    whole: list[tuple[str, ShardIndex]] = []
    with tracked(f"verify {record.name}", len(names), unit="shards") as tracker:
        for name in names:
            checked = _check_shard(folder, name, record, manifest)
            if isinstance(checked, Damage):
                damages.append(checked)
            else:
                whole.append((name, checked))
            tracker.advance()
    index = merge(whole)
    return damages + _check_index(folder, index) + _check_complete(folder, record, index, manifest, augmented)


def remove_damaged(folder: Path, damages: Sequence[Damage]) -> int:
    """Remove damaged shards, so that the next extraction makes them again; return how many.

    The index goes before the frames: a shard without index does not count, whenever this is interrupted.

    Raises:
        CacheError: the folder cannot be written.
    """
    shards = [damage.shard for damage in damages if damage.shard is not None]
    with storage_errors(folder):
        for name in shards:
            index_path(folder, name).unlink(missing_ok=True)
            shard_path(folder, name).unlink(missing_ok=True)
        (folder / INDEX_FILE).unlink(missing_ok=True)
    merge_index(folder, read_record(folder).identity)
    return len(shards)


def _check_shard(folder: Path, name: str, record: EncoderRecord, manifest: Manifest) -> ShardIndex | Damage:
    path = shard_path(folder, name)
    try:
        shard = ShardIndex.read(index_path(folder, name))
    except CacheError as error:
        return Damage(index_path(folder, name), error.problem, name)
    if shard.identity != record.identity:
        return Damage(path, "was made by another encoder or in another precision", name)
    try:
        frames = map_frames(path, record.dim, record.dtype)
    except CacheError as error:
        return Damage(path, f"{error.problem}{_utterances(shard, range(len(shard)), record, manifest)}", name)
    if len(frames) != int(shard.frames.sum()):
        return Damage(path, f"holds {len(frames)} frames, its index {shard.frames.sum()}", name)
    for reason, is_wrong in (
        ("wrong checksum", lambda entry, crc32: checksum(entry) != crc32),
        ("frames that are not finite", lambda entry, crc32: not bool(from_stored(entry).isfinite().all())),
    ):
        entries = zip(shard.offsets.tolist(), shard.frames.tolist(), shard.checksums.tolist(), strict=True)
        wrong = [i for i, (start, count, crc32) in enumerate(entries) if is_wrong(frames[start : start + count], crc32)]
        if wrong:
            return Damage(path, f"{reason}{_utterances(shard, wrong, record, manifest)}", name)
    return shard


def _check_index(folder: Path, expected: Index) -> list[Damage]:
    path = folder / INDEX_FILE
    try:
        index = Index.read(path)
    except CacheError as error:
        return [Damage(path, error.problem)]
    columns = ["contents", "views", "shards", "offsets", "frames"]
    columns += [] if index.checksums is None else ["checksums"]
    same = index.shard_names == expected.shard_names and all(
        np.array_equal(getattr(index, column), getattr(expected, column)) for column in columns
    )
    return [] if same else [Damage(path, "does not agree with the whole shards")]


def _check_complete(
    folder: Path,
    record: EncoderRecord,
    index: Index,
    manifest: Manifest,
    augmented: Sequence[npt.NDArray[np.int64]],
) -> list[Damage]:
    contents = manifest_contents(manifest, record.column)
    damages = []
    for view, rows in enumerate([np.arange(len(manifest)), *(augmented if record.modality == "audio" else ())]):
        found = index.keys.find(contents[rows], np.full(len(rows), view, np.int16))
        missing = rows[found < 0]
        if len(missing):
            what = "clean view" if view == 0 else f"augmented view {view}"
            reason = f"{what} of {len(missing)} of {len(manifest)} utterances is missing{_named(missing, manifest)}"
            damages.append(Damage(folder, reason))
    return damages


def _utterances(shard: ShardIndex, entries: Sequence[int], record: EncoderRecord, manifest: Manifest) -> str:
    """Name the manifest's utterances among some entries of a shard."""
    wanted = {shard.contents[entry].tobytes() for entry in entries}
    contents = manifest_contents(manifest, record.column)
    rows = np.array([row for row, content in enumerate(contents) if content.tobytes() in wanted], np.int64)
    return f" in {len(entries)} of {len(shard)} entries{_named(rows, manifest)}"


def _named(rows: "np.ndarray[tuple[int], np.dtype[np.int64]]", manifest: Manifest) -> str:
    if not len(rows):
        return ""
    names = manifest.table.column("utterance_id").take(pa.array(rows[:3])).to_pylist()
    return f" ({', '.join(names)}{' …' if len(rows) > 3 else ''})"
