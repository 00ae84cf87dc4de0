"""Claims on pieces of work: locks that let several processes share an extraction or a transcription.

A claim is a POSIX lock on one byte of a file beside the work, such as `CACHE/ENCODER/extract.lock`, at a place derived
from the piece's name. The operating system frees it however the process ends; children that decode do not inherit it
(an `flock` would live on in them); it works between machines wherever the file system has locks.
"""

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from vibespeaker.errors import CacheError
from vibespeaker.files import storage_errors

_EXCLUSIVE_BYTE = 0


class Claims:
    """The claims of this process on one lock file; one object per file and process, since closing it frees all.

    Args:
        path: the lock file, made when missing.

    Raises:
        CacheError: the folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "ab")  # noqa: SIM115

    def __deepcopy__(self, memo: dict[int, object]) -> "Claims":
        """Stay one object: weight averaging copies a task with all that its trainer knows."""
        return self

    def __enter__(self) -> "Claims":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def take(self, name: str) -> bool:
        """Claim a chunk; False when another process has it.

        Args:
            name: at least 15 hexadecimal digits.
        """
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(name))
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                return False
            raise self._without_locks(error) from error
        return True

    def release(self, name: str) -> None:
        """Give a claim back."""
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _place(name))

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Wait until no other process is in such a block, then be in it."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, _EXCLUSIVE_BYTE)
        except OSError as error:
            raise self._without_locks(error) from error
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _EXCLUSIVE_BYTE)

    def _without_locks(self, error: OSError) -> CacheError:
        return CacheError(
            f"cannot lock {self.path}: {error.strerror}",
            remedy="write to a file system with locks, which keep several processes apart",
        )


def _place(name: str) -> int:
    return 1 + int(name[:15], 16)
