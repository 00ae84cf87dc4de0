"""Reading the label files of corpora: CSV and JSON, with errors that name the file, the column and the row."""

import csv
import hashlib
import json
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from vibespeaker.errors import CorpusError


def read_rows(
    path: Path, delimiter: str = ",", quoted: bool = True
) -> tuple[list[str], Iterator[tuple[int, Mapping[str, str]]]]:
    """Open a table with a header.

    Args:
        path: UTF-8 text, with or without a byte order mark; bytes that are no UTF-8 become `�`.
        delimiter: between the fields.
        quoted: False where a quotation mark is a character like any other.

    Returns:
        The columns, and the rows as line number and column → text; a short row's missing fields are empty.

    Raises:
        CorpusError: the file cannot be read or is empty.
    """
    rows = _raw_rows(path, delimiter, csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
    header = next(rows, None)
    if header is None:
        raise CorpusError(f"{path} is empty", allowed="a table with a header")
    columns = [name.strip() for name in header[1]]
    padding = [""] * len(columns)
    return columns, (
        (line, dict(zip(columns, [*(field.strip() for field in fields), *padding], strict=False)))
        for line, fields in rows
        if fields
    )


def _raw_rows(path: Path, delimiter: str, quoting: Literal[0, 3]) -> Iterator[tuple[int, list[str]]]:
    try:
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, quoting=quoting)
            for fields in reader:
                yield reader.line_num, fields
    except (OSError, csv.Error) as error:
        raise CorpusError(f"{path} cannot be read as a table", found=error) from error


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file, numbered from 1, without the white space around them.

    Args:
        path: UTF-8 text, with or without a byte order mark; bytes that are no UTF-8 become `�`.

    Raises:
        CorpusError: the file cannot be read.
    """
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            for number, line in enumerate(file, 1):
                yield number, line.strip()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read", found=error) from error


def require_columns(path: Path, columns: Sequence[str], needed: Collection[str]) -> None:
    """Refuse a table that lacks columns.

    Raises:
        CorpusError: naming them.
    """
    missing = [name for name in needed if name not in columns]
    if missing:
        raise CorpusError(
            f"{path} lacks the columns {', '.join(missing)}", found=", ".join(columns), allowed=", ".join(needed)
        )


def read_json_objects(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the entries of a JSON object whose values are objects.

    Raises:
        CorpusError: the file is no JSON, no object, or an entry is none.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path} cannot be read as JSON", found=error) from error
    if not isinstance(entries, dict):
        raise CorpusError(f"{path} holds no JSON object", found=type(entries).__name__)
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            raise CorpusError(f"{path}: the entry of {name} is no object", found=str(entry)[:80])
        yield name, entry


def number(value: object) -> float | None:
    """Return a number as published, or null when there is none (empty, NaN).

    Raises:
        ValueError: the value is neither a number nor empty.
    """
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    try:
        found = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    return None if math.isnan(found) else found


def clip_stem(name: str) -> str:
    """Return a published file name without folder and without audio suffix."""
    base = name.strip().replace("\\", "/").rpartition("/")[2]
    stem, dot, suffix = base.rpartition(".")
    return stem if dot and suffix.lower() in ("wav", "flac", "mp3", "ogg", "mp4") else base


def sentence_id(corpus: str, text: str) -> str:
    """Name a sentence by its words, so that utterances of the same words are found, whatever the punctuation."""
    words = " ".join(re.findall(r"\w+", text.casefold()))
    return f"{corpus}/{hashlib.sha256(words.encode()).hexdigest()[:12]}"
