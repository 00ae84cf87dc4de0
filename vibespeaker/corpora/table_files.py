"""Finding the table that a user means: the file, or the only one with the right columns in a folder."""

from pathlib import Path

from vibespeaker.corpora.tables import open_table
from vibespeaker.errors import CorpusError

TABLE_SUFFIXES = (".csv", ".tsv", ".xlsx", ".json", ".jsonl", ".parquet")


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
    fitting = [table for table in tables if _has(table, columns)]
    if len(fitting) != 1:
        raise CorpusError(
            f"{path} holds {len(fitting)} tables with the columns {', '.join(columns)}",
            found=", ".join(table.name for table in fitting or tables) or "no table",
            allowed=f"one {', '.join(TABLE_SUFFIXES)} file",
            remedy="give the table itself",
        )
    return fitting[0]


def _has(table: Path, columns: tuple[str, ...]) -> bool:
    try:
        return set(columns) <= set(open_table(table, columns).columns)
    except CorpusError:
        # another file that is no table must not hide the one that is
        return False
