"""Writing files so that a reader never sees a partial one, and hashing them."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vibespeaker.errors import CacheError

#: Full disk, quota, file size limit, no permission, read-only: the machine's state, not a fault of the program.
MACHINE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS)

CHUNK_BYTES = 1 << 20


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is synced and replaces `path`, on failure it is removed.

    Args:
        path: the final file; its parent folder is made when missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with Unix line ends, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of the file's bytes as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write under `path` into one sentence with a remedy."""
    try:
        yield
    except OSError as error:
        remedies = {
            errno.ENOSPC: "free some space or name a folder on another disk, then run the same command to continue",
            errno.EDQUOT: "your disk quota is used up: free some space, then run the same command to continue",
            errno.EROFS: "the file system is read-only: name another folder",
            errno.EACCES: "the folder is not yours to write: change its permissions or name another folder",
            errno.EPERM: "the folder is not yours to write: change its permissions or name another folder",
        }
        remedy = remedies.get(error.errno or 0, "nothing half-written was left; run the same command to continue")
        raise CacheError(f"cannot write {path}: {error.strerror or error}", remedy=remedy) from error
