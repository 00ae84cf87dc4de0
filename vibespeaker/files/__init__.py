"""Writing files so that a reader never sees a partial one, and hashing them.

A file is written under a temporary name beside its own, which says whose it is: machine and process. What a killed
process left is removed by the next one that writes in the folder.
"""

import errno
import hashlib
import itertools
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vibespeaker.errors import CacheError

#: Full disk, quota, file size limit, no permission, read-only: the machine's state, not a fault of the program.
MACHINE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS)

CHUNK_BYTES = 1 << 20

#: Temporary names of this version, with machine and process, and of earlier ones, with the process alone.
_TEMPORARY = re.compile(r"\..*\.vibespeaker-(?P<host>[A-Za-z0-9_]+)-(?P<pid>\d+)-\d+\.(?:tmp|old)")
_EARLIER = re.compile(r"\..+\.(?:parquet|json|yaml|csv|md|html|svg|png|wav|ckpt|safetensors|txt|sh)\.(?P<pid>\d+)\.tmp")
#: Who writes a file goes on writing: one that lay untouched for so many seconds has no writer, whatever runs elsewhere.
_ABANDONED_SECONDS = 24 * 3600.0
_LONGEST_PREFIX = 100
_HOST = re.sub(r"[^A-Za-z0-9]", "_", socket.gethostname())[:40] or "_"
_numbers = itertools.count()
_swept: set[Path] = set()


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is synced and replaces `path`, on failure it is removed.

    Args:
        path: the final file; its parent folder is made when missing.

    Raises:
        OSError: the file cannot be written; it names `path`, not the temporary file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent not in _swept:
        remove_leftovers(path.parent)
    temporary = temporary_beside(path)
    try:
        with naming(path, temporary):
            yield temporary
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_beside(path: Path, suffix: str = "tmp") -> Path:
    """Return an unused name in the folder of `path` that tells machine and process.

    Args:
        path: the final file or folder.
        suffix: `tmp` for what becomes `path`, `old` for what it replaces.
    """
    prefix = path.name.encode()[:_LONGEST_PREFIX].decode(errors="ignore")
    return path.with_name(f".{prefix}.vibespeaker-{_HOST}-{os.getpid()}-{next(_numbers)}.{suffix}")


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files and folders of processes that are gone; those of processes at work stay.

    A process of another machine counts as gone when its file was not touched for a day.

    Args:
        folder: looked into, not those below it; may be missing.
    """
    _swept.add(folder)
    try:
        entries = [entry for entry in os.scandir(folder) if entry.name.endswith((".tmp", ".old"))]
    except OSError:
        return
    for entry in entries:
        known = _TEMPORARY.fullmatch(entry.name) or _EARLIER.fullmatch(entry.name)
        if known and _is_abandoned(Path(entry.path), known.groupdict().get("host", _HOST), int(known["pid"])):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                Path(entry.path).unlink(missing_ok=True)


@contextmanager
def naming(path: Path, temporary: Path) -> Iterator[None]:
    """Let errors of writing to `temporary`, or below it, and those that name nothing, name `path`."""
    try:
        yield
    except OSError as error:
        # of copying, the system names both files; where there is no space, it is the second that has no room
        written = error.filename2 if error.filename2 is not None else error.filename
        if written is None or Path(os.fsdecode(written)).is_relative_to(temporary):
            error.filename = str(path)
            del error.filename2  # None would be shown as a second name
        raise


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's content, atomically.

    Raises:
        OSError: naming `source` where it cannot be read, `target` where it cannot be written.
    """
    with open(source, "rb") as original, atomic_path(target) as temporary, open(temporary, "wb") as copy:
        shutil.copyfileobj(original, copy, CHUNK_BYTES)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with Unix line ends, atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


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


def _is_abandoned(path: Path, host: str, pid: int) -> bool:
    try:
        untouched = time.time() - path.lstat().st_mtime
    except OSError:
        return False
    return untouched > _ABANDONED_SECONDS or (host == _HOST and not _is_running(pid))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
