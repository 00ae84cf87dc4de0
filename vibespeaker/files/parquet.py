"""Parquet files as they are opened everywhere: missing, forbidden, foreign and damaged ones are told apart."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from vibespeaker.errors import VibeSpeakerError
from vibespeaker.files.inputs import reading

_MAGIC = b"PAR1"


def open_parquet(
    path: Path, kind: type[VibeSpeakerError], what: str, remedy: str | None = None, verb: str = "does"
) -> pq.ParquetFile:
    """Open a Parquet file; the caller closes it.

    Args:
        path: the file.
        kind: of the error.
        what: the file is, e.g. `manifest`.
        remedy: where the file is missing.
        verb: `does`, or `do` where `what` is many.

    Raises:
        VibeSpeakerError: of the given kind: the file is missing, is a folder, may not be read, is no Parquet file, or
            is one that is damaged.
    """
    with reading(path, kind, what, remedy, verb):
        with open(path, "rb") as file:
            start = file.read(len(_MAGIC))
        if start != _MAGIC:
            found = f"it begins with {start!r}" if start else "it is empty"
            raise kind(f"{path} is not a Parquet file", found=found, allowed=what)
        try:
            return pq.ParquetFile(path)
        except pa.ArrowException as error:
            found = str(error).partition("\n")[0]
            raise kind(f"{path} is not a Parquet file, or one cut short", found=found, allowed=what) from error


def read_parquet(
    path: Path,
    kind: type[VibeSpeakerError],
    what: str,
    remedy: str | None = None,
    columns: Sequence[str] | None = None,
    verb: str = "does",
) -> pa.Table:
    """Return a Parquet file's table, with its metadata; see `open_parquet`."""
    with open_parquet(path, kind, what, remedy, verb) as file, undamaged(path, kind):
        return file.read(columns=None if columns is None else list(columns))


@contextmanager
def undamaged(path: Path, kind: type[VibeSpeakerError]) -> Iterator[None]:
    """Turn what Arrow raises while it decodes a Parquet file into one sentence.

    Raises:
        VibeSpeakerError: of the given kind.
    """
    try:
        yield
    except (PermissionError, FileNotFoundError, IsADirectoryError):
        raise
    except (pa.ArrowException, OSError) as error:
        found = str(error).partition("\n")[0]
        raise kind(f"{path} is a damaged Parquet file", found=found, remedy="copy or make it again") from error
