"""Opening tables of several formats: CSV with commas, semicolons or tabs, and Parquet."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from vibespeaker.corpora.tables import read_lines, read_rows
from vibespeaker.errors import CorpusError

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
_DELIMITERS = (",", ";", "\t")


def find_table(path: Path, columns: tuple[str, ...]) -> Path:
    """Return the table that `path` is, or the only one with these columns in the folder that it is.

    Raises:
        CorpusError: there is none, or there are several.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise CorpusError(f"{path} does not exist", remedy="give a table, or the folder that it is in")
    tables = sorted(entry for entry in path.iterdir() if entry.suffix.lower() in TABLE_SUFFIXES and entry.is_file())
    fitting = [table for table in tables if set(columns) <= set(open_table(table)[0])]
    if len(fitting) != 1:
        raise CorpusError(
            f"{path} holds {len(fitting)} tables with the columns {', '.join(columns)}",
            found=", ".join(table.name for table in fitting or tables) or "no table",
            allowed=f"one {', '.join(TABLE_SUFFIXES)} file",
            remedy="give the table itself",
        )
    return fitting[0]


def open_table(path: Path) -> tuple[list[str], Iterator[tuple[int, Mapping[str, str]]]]:
    """Open a table by its suffix; a CSV's delimiter is the one that its header has most of.

    Returns:
        The columns, and the rows as line number (in Parquet, row number) and column → text, empty for null.

    Raises:
        CorpusError: the file cannot be read or is empty.
    """
    if path.suffix.lower() == ".parquet":
        return _open_parquet(path)
    if path.suffix.lower() == ".tsv":
        return read_rows(path, "\t")
    header = next((line for _, line in read_lines(path)), "")
    return read_rows(path, max(_DELIMITERS, key=header.count))


def _open_parquet(path: Path) -> tuple[list[str], Iterator[tuple[int, Mapping[str, str]]]]:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise CorpusError(f"{path} cannot be read as Parquet", found=error) from error
    return list(file.schema_arrow.names), _parquet_rows(file)


def _parquet_rows(file: pq.ParquetFile) -> Iterator[tuple[int, Mapping[str, str]]]:
    number = 0
    with file:
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield number, {name: "" if value is None else str(value).strip() for name, value in row.items()}
