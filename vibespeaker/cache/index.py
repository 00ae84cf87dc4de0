"""Which frames belong to which content: one small Parquet index per shard, merged into one table per encoder.

A row is addressed by (content, view). Content is the SHA-256 of the audio file's bytes or of the text; the rest of an
embedding's identity (cleaning, augmentation, encoder fingerprint, precision) holds for a whole folder and is
recorded there once, so that a million rows are looked up as arrays and a refusal can name what differs.
"""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from vibespeaker.cache.keys import DIGEST_BYTES, Contents, KeyTable, as_strings
from vibespeaker.errors import CacheError
from vibespeaker.files import atomic_path
from vibespeaker.files.parquet import read_parquet
from vibespeaker.files.stored_fields import read_object, stored_as
from vibespeaker.manifest import release_memory

_METADATA_KEY = b"vibespeaker"

#: A shard's own index: `offset` counts frames from the shard's first, `crc32` is over the frames' bytes.
SHARD_SCHEMA = pa.schema(
    [
        pa.field("content", pa.binary(DIGEST_BYTES), nullable=False),
        pa.field("view", pa.int16(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("frames", pa.int32(), nullable=False),
        pa.field("crc32", pa.uint32(), nullable=False),
    ]
)

#: The merged index: `offset` counts frames from the first of its shard; an older one has no `crc32`.
_MERGED_SCHEMA = pa.schema([*SHARD_SCHEMA, pa.field("shard", pa.int32(), nullable=False)])
#: A shard lies in the encoder's own folder.
_SHARD_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class _MergedFacts:
    """What a merged index says beside its columns."""

    shards: tuple[str, ...]


@dataclass(frozen=True)
class _ShardFacts:
    """What a shard's index says beside its columns."""

    identity: str
    size: int


@dataclass(frozen=True, eq=False)
class Index:
    """All entries of one encoder, sorted by content and view; an entry's number is its row.

    Args:
        contents: `(entries, 32)`, uint8.
        views: `(entries,)`, int16.
        shards: `(entries,)`, int32, position in `shard_names`.
        offsets: `(entries,)`, int64, frames before the entry in its shard.
        frames: `(entries,)`, int32.
        shard_names: file names without suffix.
        checksums: `(entries,)`, uint32, CRC-32 of each entry's bytes; None in an index that was merged before it had
            them.
    """

    contents: Contents
    views: npt.NDArray[np.int16]
    shards: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    frames: npt.NDArray[np.int32]
    shard_names: tuple[str, ...]
    checksums: npt.NDArray[np.uint32] | None = None

    def __len__(self) -> int:
        return len(self.views)

    @cached_property
    def keys(self) -> KeyTable:
        """Lookup by content and view."""
        return KeyTable(self.contents, self.views)

    def write(self, path: Path) -> None:
        """Write the table; the same entries give the same bytes."""
        table = pa.table(
            {
                "content": _fixed_binary(self.contents),
                "view": self.views,
                "shard": self.shards,
                "offset": self.offsets,
                "frames": self.frames,
                **({} if self.checksums is None else {"crc32": self.checksums}),
            }
        ).replace_schema_metadata({_METADATA_KEY: json.dumps({"shards": self.shard_names}).encode()})
        with atomic_path(path) as temporary:
            # hashes do not compress, and one page encoding reads fastest
            pq.write_table(table, temporary, compression="zstd", use_dictionary=["shard", "view"])

    @staticmethod
    def read(path: Path) -> "Index":
        """Read a merged index.

        Raises:
            CacheError: the file is missing or damaged.
        """
        table = _read_table(path, _MERGED_SCHEMA, {"crc32"})
        names = _facts(table, path, _MergedFacts).shards
        index = Index(
            contents=_contents_of(table.column("content")),
            views=table.column("view").to_numpy(),
            shards=table.column("shard").to_numpy(),
            offsets=table.column("offset").to_numpy(),
            frames=table.column("frames").to_numpy(),
            shard_names=names,
            checksums=table.column("crc32").to_numpy() if "crc32" in table.column_names else None,
        )
        in_shards = not len(index) or (index.shards.min() >= 0 and index.shards.max() < len(names))
        if not in_shards or not all(_SHARD_NAME.fullmatch(name) for name in names):
            raise CacheError(f"cache index {path} names shards that cannot be", found=names[:3], remedy=_remedy(path))
        _check_rows(index.offsets, index.frames, path)
        del table
        release_memory()
        return index


@dataclass(frozen=True, eq=False)
class ShardIndex:
    """The entries of one shard, in the order of their frames.

    Args:
        contents: `(entries, 32)`, uint8.
        views: `(entries,)`, int16.
        offsets: `(entries,)`, int64.
        frames: `(entries,)`, int32.
        checksums: `(entries,)`, uint32, CRC-32 of the entry's bytes.
        identity: digest of what the frames depend on beside content and view (`EncoderRecord.identity`).
        size: bytes of the shard file.
    """

    contents: Contents
    views: npt.NDArray[np.int16]
    offsets: npt.NDArray[np.int64]
    frames: npt.NDArray[np.int32]
    checksums: npt.NDArray[np.uint32]
    identity: str
    size: int

    def __len__(self) -> int:
        return len(self.views)

    def write(self, path: Path) -> None:
        """Write the table; from now on the shard counts."""
        columns = [_fixed_binary(self.contents), *map(pa.array, (self.views, self.offsets, self.frames))]
        table = pa.Table.from_arrays([*columns, pa.array(self.checksums)], schema=SHARD_SCHEMA)
        metadata = json.dumps({"identity": self.identity, "size": self.size}).encode()
        with atomic_path(path) as temporary:
            pq.write_table(table.replace_schema_metadata({_METADATA_KEY: metadata}), temporary)

    @staticmethod
    def read(path: Path) -> "ShardIndex":
        """Read one shard's index.

        Raises:
            CacheError: the file is damaged.
        """
        table = _read_table(path, SHARD_SCHEMA)
        facts = _facts(table, path, _ShardFacts)
        index = ShardIndex(
            contents=_contents_of(table.column("content")),
            views=table.column("view").to_numpy(),
            offsets=table.column("offset").to_numpy(),
            frames=table.column("frames").to_numpy(),
            checksums=table.column("crc32").to_numpy(),
            identity=facts.identity,
            size=facts.size,
        )
        _check_rows(index.offsets, index.frames, path)
        return index


def merge(shards: Sequence[tuple[str, ShardIndex]]) -> Index:
    """Join shard indexes, given by name, into one; of entries with the same key the first shard's stays."""
    contents = np.concatenate([np.empty((0, DIGEST_BYTES), np.uint8), *(shard.contents for _, shard in shards)])
    views = np.concatenate([np.empty(0, np.int16), *(shard.views for _, shard in shards)])
    offsets = np.concatenate([np.empty(0, np.int64), *(shard.offsets for _, shard in shards)])
    frames = np.concatenate([np.empty(0, np.int32), *(shard.frames for _, shard in shards)])
    checksums = np.concatenate([np.empty(0, np.uint32), *(shard.checksums for _, shard in shards)])
    numbers = np.repeat(np.arange(len(shards), dtype=np.int32), [len(shard) for _, shard in shards])
    # lexsort is stable: among equal keys the earlier shard comes first
    order = np.lexsort((views, as_strings(contents)))
    first = np.ones(len(order), bool)
    first[1:] = (contents[order][1:] != contents[order][:-1]).any(axis=1) | (views[order][1:] != views[order][:-1])
    rows = order[first]
    names = tuple(name for name, _ in shards)
    return Index(contents[rows], views[rows], numbers[rows], offsets[rows], frames[rows], names, checksums[rows])


def _fixed_binary(contents: Contents) -> pa.Array:
    buffer = pa.py_buffer(np.ascontiguousarray(contents))
    return pa.Array.from_buffers(pa.binary(DIGEST_BYTES), len(contents), [None, buffer])


def _contents_of(column: pa.ChunkedArray) -> Contents:
    parts = [
        np.frombuffer(chunk.buffers()[1], np.uint8, len(chunk) * DIGEST_BYTES, chunk.offset * DIGEST_BYTES)
        for chunk in column.chunks
        if len(chunk)
    ]
    joined = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.uint8), *parts])
    return joined.reshape(-1, DIGEST_BYTES)


def _read_table(path: Path, schema: pa.Schema, optional: Collection[str] = ()) -> pa.Table:
    """Return an index's table, whose columns have the types of a schema and hold no nulls."""
    try:
        table = read_parquet(path, CacheError, "cache index", _remedy(path))
    except CacheError as error:
        if isinstance(error.__cause__, OSError):  # it is not the content that is wrong
            raise
        raise CacheError(f"cache index {path} is damaged", found=error.problem, remedy=_remedy(path)) from error
    for field in schema:
        if field.name not in table.column_names:
            if field.name in optional:
                continue
            raise CacheError(f"cache index {path} lacks {field.name}", remedy=_remedy(path))
        column = table.column(field.name)
        if column.type != field.type or column.null_count:
            raise CacheError(
                f"cache index {path}: {field.name} is damaged",
                found=f"{column.type} with {column.null_count} nulls",
                allowed=str(field.type),
                remedy=_remedy(path),
            )
    return table


def _facts(table: pa.Table, path: Path, kind: type[Kind]) -> Kind:
    """Return what an index's metadata says."""
    text = (table.schema.metadata or {}).get(_METADATA_KEY, b"")
    source, remedy = f"cache index {path}", _remedy(path)
    return stored_as(kind, read_object(text, source, CacheError, remedy), source, CacheError, remedy)


def _check_rows(offsets: npt.NDArray[np.int64], frames: npt.NDArray[np.int32], path: Path) -> None:
    if len(frames) and (offsets.min() < 0 or frames.min() < 1):
        raise CacheError(f"cache index {path} places frames where none can be", remedy=_remedy(path))


def _remedy(path: Path) -> str:
    return f"remove {path} and run vibespeaker extract again"
