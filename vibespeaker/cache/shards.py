"""Shard files: the frames of some hundred utterances concatenated in one safetensors tensor, read through memory maps.

One tensor `frames (total, dim)` per shard makes every utterance a contiguous slice of the file, so that reading is a
view of mapped memory without a copy and without parsing. A shard counts only when its index lies beside it; the
index is written last, and both are put in place whole.
"""

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vibespeaker.cache.index import ShardIndex
from vibespeaker.cache.precision import DTYPES, stored_dim
from vibespeaker.errors import CacheError
from vibespeaker.files import atomic_path, storage_errors

FRAMES = "frames"
_HEADER_ALIGNMENT = 64


@dataclass(frozen=True)
class Entry:
    """The frames of one content in one view.

    Args:
        content: SHA-256, 32 bytes.
        view: 0 for the clean view.
        frames: `(frames, stored dim)`, on the CPU, as `precision.to_stored` makes them.
    """

    content: bytes
    view: int
    frames: Tensor


def shard_path(folder: Path, name: str) -> Path:
    """Return where the frames of shard `name` lie in an encoder's folder."""
    return folder / "shards" / f"{name}.safetensors"


def index_path(folder: Path, name: str) -> Path:
    """Return where the index of shard `name` lies in an encoder's folder."""
    return folder / "shards" / f"{name}.parquet"


def shard_names(folder: Path) -> list[str]:
    """Return the shards that have an index, sorted."""
    return sorted(path.stem for path in (folder / "shards").glob("[!.]*.parquet"))


def checksum(frames: Tensor) -> int:
    """Return the CRC-32 of the frames' bytes."""
    return zlib.crc32(_bytes_of(frames).data)


def write_shard(folder: Path, name: str, entries: Sequence[Entry], dtype: str, identity: str) -> None:
    """Write one shard and then its index.

    The caller holds the claim on `name`: left-overs of a writer that was killed are removed.

    Args:
        folder: the encoder's folder.
        name: file name without suffix.
        entries: at least one, all of one width and of the type that `dtype` names.
        dtype: one of `precision.DTYPES`.
        identity: `EncoderRecord.identity`.

    Raises:
        CacheError: the disk is full or the folder cannot be written; nothing of the shard is left then.
    """
    path = shard_path(folder, name)
    with storage_errors(path):
        for left_over in path.parent.glob(f".{name}.*.tmp"):
            left_over.unlink(missing_ok=True)
        header = _header(sum(len(entry.frames) for entry in entries), entries[0].frames.shape[1], dtype)
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            file.write(header)
            for entry in entries:
                file.write(_bytes_of(entry.frames).data)
        lengths = np.array([len(entry.frames) for entry in entries], np.int32)
        ShardIndex(
            contents=np.frombuffer(b"".join(entry.content for entry in entries), np.uint8).reshape(len(entries), -1),
            views=np.array([entry.view for entry in entries], np.int16),
            offsets=np.cumsum(lengths, dtype=np.int64) - lengths,
            frames=lengths,
            checksums=np.array([checksum(entry.frames) for entry in entries], np.uint32),
            identity=identity,
            size=path.stat().st_size,
        ).write(index_path(folder, name))


def map_frames(path: Path, dim: int, dtype: str) -> Tensor:
    """Return a shard's `(total, stored dim)` frames as a view of the mapped file; processes share its pages.

    The mapping is private and keeps no file open, so thousands of shards can be mapped at once. The tensor is to be
    read only: what a process writes to it stays in that process.

    Raises:
        CacheError: the file is missing, truncated or not what the record says.
    """
    torch_dtype, stored_name = DTYPES[dtype]
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            (header_bytes,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(header_bytes, size)))
        start, end = header[FRAMES]["data_offsets"]
        rows, width = header[FRAMES]["shape"]
    except FileNotFoundError as error:
        raise CacheError(f"cache shard {path} is missing", remedy=DAMAGED) from error
    except (OSError, struct.error, ValueError, KeyError, TypeError) as error:
        raise CacheError(f"cache shard {path} has a damaged header", found=error, remedy=DAMAGED) from error
    expected_width = stored_dim(dim, dtype)
    if (width, header[FRAMES]["dtype"]) != (expected_width, stored_name):
        found, allowed = f"{width} × {header[FRAMES]['dtype']}", f"{expected_width} × {stored_name}"
        raise CacheError(f"cache shard {path} is of another kind", found=found, allowed=allowed)
    expected = 8 + header_bytes + end
    if size != expected or end - start != rows * width * torch_dtype.itemsize:
        raise CacheError(
            f"cache shard {path} has the wrong size", found=f"{size} bytes", allowed=f"{expected}", remedy=DAMAGED
        )
    storage = cast(torch.UntypedStorage, torch.UntypedStorage.from_file(str(path), False, size))
    offset = (8 + header_bytes + start) // torch_dtype.itemsize
    return torch.empty(0, dtype=torch_dtype).set_(storage, offset, (rows, width), (width, 1))


#: What to do about a shard that cannot be used.
DAMAGED = "find all damage with vibespeaker extract --verify, then remove and redo it with --verify --repair"


def _header(rows: int, dim: int, dtype: str) -> bytes:
    """Safetensors header (https://github.com/huggingface/safetensors#format), padded so that the frames are aligned.

    Written here and not by the library so that entries go to the file one by one, without a joined copy in memory.
    """
    torch_dtype, stored_name = DTYPES[dtype]
    tensor = {"dtype": stored_name, "shape": [rows, dim], "data_offsets": [0, rows * dim * torch_dtype.itemsize]}
    text = json.dumps({"__metadata__": {"format": "pt"}, FRAMES: tensor}).encode()
    padded = text + b" " * (-(8 + len(text)) % _HEADER_ALIGNMENT)
    return struct.pack("<Q", len(padded)) + padded


def _bytes_of(frames: Tensor) -> npt.NDArray[np.uint8]:
    # NumPy has no bfloat16, so the tensor is reinterpreted first
    bytes_: npt.NDArray[np.uint8] = frames.contiguous().view(torch.uint8).numpy()
    return bytes_
