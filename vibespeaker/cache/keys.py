"""Content keys: SHA-256 of an audio file's bytes or of a text, as arrays, with a sorted lookup by content and view."""

import binascii
import hashlib
import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vibespeaker.errors import CacheError
from vibespeaker.manifest import Manifest
from vibespeaker.manifest.texts import TEXT

#: The column of a manifest that hashes audio.
AUDIO = "audio_sha256"
DIGEST_BYTES = 32
_ROWS_AT_ONCE = 65_536
_HASH = re.compile(r"[0-9a-fA-F]{64}")

Contents = npt.NDArray[np.uint8]


class KeyTable:
    """Sorted lookup of (content, view) keys.

    Args:
        contents: `(rows, 32)`, uint8; rows that are sorted already, as a merged index's are, are not copied.
        views: `(rows,)`, int16, 0 for the clean view.
    """

    def __init__(self, contents: Contents, views: npt.NDArray[np.int16]) -> None:
        self._order: npt.NDArray[np.int64] | None = None
        if not _are_sorted(contents, views):
            self._order = np.lexsort((views, as_strings(contents)))
            contents, views = contents[self._order], views[self._order]
        self._contents, self._views, self._prefixes = contents, views, _prefixes(contents)

    def find(self, contents: Contents, views: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
        """Return the row of each key, `(keys,)`, −1 where there is none."""
        found = np.full(len(contents), -1, np.int64)
        for start in range(0, len(contents), _ROWS_AT_ONCE):
            block = slice(start, start + _ROWS_AT_ONCE)
            self._find(contents[block], views[block], found[block])
        if self._order is not None:
            found[found >= 0] = self._order[found[found >= 0]]
        return found

    def _find(self, contents: Contents, views: npt.NDArray[np.int16], found: npt.NDArray[np.int64]) -> None:
        """Fill `found` with sorted positions.

        The first eight bytes are searched; rows that share them (the views of one content, or a coincidence) are
        then compared in full, one after the other.
        """
        wanted = _prefixes(contents)
        positions = np.searchsorted(self._prefixes, wanted)
        left = np.arange(len(contents))
        while len(left):
            left = left[positions[left] < len(self._prefixes)]
            left = left[self._prefixes[positions[left]] == wanted[left]]
            at = positions[left]
            equal = (self._views[at] == views[left]) & (self._contents[at] == contents[left]).all(axis=1)
            found[left[equal]] = at[equal]
            left = left[~equal]
            positions[left] += 1


def audio_contents(manifest: Manifest) -> Contents:
    """Return `(rows, 32)` hashes of the audio files' bytes from the manifest.

    Raises:
        CacheError: a row has no hash, or one that is no SHA-256.
    """
    column = manifest.table.column(AUDIO)
    lengths = pc.binary_length(column)
    bad = pc.fill_null(pc.not_equal(lengths, 2 * DIGEST_BYTES), True)
    if pc.any(bad).as_py():
        row = pc.index(bad, True).as_py()
        raise _no_hash(row, column[row].as_py())
    contents = np.empty((len(manifest), DIGEST_BYTES), np.uint8)
    start = 0
    for chunk in column.chunks:
        contents[start : start + len(chunk)] = _from_hexadecimal(chunk, start)
        start += len(chunk)
    return contents


def text_contents(manifest: Manifest, column: str = TEXT) -> Contents:
    """Return `(rows, 32)` SHA-256 of the UTF-8 texts of a column; a missing text counts as the empty one."""
    values = manifest.table.column(column)
    contents = np.empty((len(manifest), DIGEST_BYTES), np.uint8)
    for start in range(0, len(values), _ROWS_AT_ONCE):  # a million Python strings never exist at once
        texts = values.slice(start, _ROWS_AT_ONCE).to_pylist()
        digests = b"".join(hashlib.sha256((text or "").encode()).digest() for text in texts)
        contents[start : start + len(texts)] = np.frombuffer(digests, np.uint8).reshape(-1, DIGEST_BYTES)
    return contents


def as_strings(contents: Contents) -> npt.NDArray[np.bytes_]:
    """View `(rows, 32)` bytes as `(rows,)` fixed-width strings, which sort and compare in the same way."""
    return np.ascontiguousarray(contents).view(f"S{DIGEST_BYTES}").reshape(-1)


def manifest_contents(manifest: Manifest, column: str) -> Contents:
    """Return `(rows, 32)` content hashes of what an encoder takes: by `AUDIO`, or of a column of texts."""
    return audio_contents(manifest) if column == AUDIO else text_contents(manifest, column)


def _from_hexadecimal(column: pa.StringArray, first_row: int) -> Contents:
    """Decode a column whose texts all have 64 characters: they are contiguous, so that all are decoded in one call.

    Raises:
        CacheError: one is not hexadecimal.
    """
    if not len(column):
        return np.empty((0, DIGEST_BYTES), np.uint8)
    start = int(np.frombuffer(column.buffers()[1], np.int32)[column.offset])
    digits = memoryview(column.buffers()[2])[start : start + 2 * DIGEST_BYTES * len(column)]
    try:
        return np.frombuffer(binascii.unhexlify(digits), np.uint8).reshape(-1, DIGEST_BYTES)
    except binascii.Error as error:
        odd = next(row for row, text in enumerate(column.to_pylist()) if not _HASH.fullmatch(text))
        raise _no_hash(first_row + odd, column[odd].as_py()) from error


def _no_hash(row: int, found: str | None) -> CacheError:
    return CacheError(
        f"manifest row {row} has no content hash of its audio",
        found=found,
        remedy="make the manifest with vibespeaker prepare; texts alone suit text encoders only",
    )


def _are_sorted(contents: Contents, views: npt.NDArray[np.int16]) -> bool:
    prefixes = _prefixes(contents)
    if (prefixes[1:] < prefixes[:-1]).any():
        return False
    # only neighbours with equal prefixes are left to compare in full
    ties = np.flatnonzero(prefixes[1:] == prefixes[:-1])
    first, second = as_strings(contents[ties]), as_strings(contents[ties + 1])
    return bool(((first < second) | ((first == second) & (views[ties] <= views[ties + 1]))).all())


def _prefixes(contents: Contents) -> npt.NDArray[np.uint64]:
    """First eight bytes of each row as big-endian numbers, whose order is the order of the bytes."""
    return np.ascontiguousarray(contents[:, :8]).view(">u8").reshape(-1).astype(np.uint64)
