"""Opening recordings: regular files of a bounded size, and nothing else that a path may name.

A named pipe would be waited for and a device read for ever; what a folder or a table of strangers names is therefore
looked at before it is opened.
"""

import hashlib
import io
import os
import stat
from pathlib import Path

from vibespeaker.files import CHUNK_BYTES

#: Larger files are refused before a byte is read: 4 GiB, what the size fields of WAV can say.
MAX_BYTES = 1 << 32
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class UnusableError(Exception):
    """Says in half a sentence why the bytes of a file are no usable audio."""


class ForeignError(UnusableError):
    """Says that a file is of a format that only ffmpeg decodes."""


def open_regular(path: Path) -> io.FileIO:
    """Open a regular file for reading; the caller closes it.

    Raises:
        UnusableError: it is something else, empty, or larger than `MAX_BYTES`.
        OSError: it is missing or may not be read.
    """
    try:
        _require_regular(os.stat(path))
        # without O_NONBLOCK, a pipe that took the file's place meanwhile would be waited for
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except ValueError as error:
        raise UnusableError("no file can have this name") from error
    file = io.FileIO(descriptor)
    try:
        _require_regular(os.fstat(descriptor))
    except UnusableError:
        file.close()
        raise
    return file


def sha256_of(file: io.FileIO) -> str:
    """Return the SHA-256 of an open file's bytes as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def reason(error: Exception) -> str:
    """Return in half a sentence why a file could not be used, for an error that opening or decoding raised."""
    if isinstance(error, FileNotFoundError):
        return "the file does not exist"
    if isinstance(error, OSError):
        return f"the file cannot be read ({os.strerror(error.errno) if error.errno else error})"
    return str(error)


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise UnusableError(f"it is {kind}, not a file")
    if status.st_size == 0:
        raise UnusableError("the file is empty")
    if status.st_size > MAX_BYTES:
        raise UnusableError(f"it has {status.st_size:,} bytes, more than {MAX_BYTES:,}: cut it into pieces")
