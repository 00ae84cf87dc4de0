"""Delimited text → records, one at a time; a record that cannot be read is named by its line and costs no other.

A quotation mark that is opened and never closed, or closed by a mark in a later row, swallows the rows between:
Python's `csv` returns them as one field. Here such a record is a problem of its first line, and reading goes on in the
next.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence

from vibespeaker.corpora.records import Record
from vibespeaker.corpora.text_files import normal

_DELIMITERS = (",", ";", "\t", "|")
#: Excel's own first line, which names the delimiter.
_EXCEL = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
_SUFFIX = re.compile(r".+(\.\w{1,5})")


def delimited_records(text: str, known: Collection[str], quoted: bool = True) -> tuple[str, Iterator[Record]]:
    """Take delimited text apart.

    Args:
        text: the whole file.
        known: columns that the reader knows: the delimiter is the one that shows most of them in the header.
        quoted: False where a quotation mark between tabs is a character like any other.

    Returns:
        The delimiter, and the records that are not empty, the header first.
    """
    lines = list(io.StringIO(text, newline=""))
    first = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    announced = _EXCEL.fullmatch(lines[first]) if first < len(lines) else None
    first += announced is not None
    header = next((line for line in lines[first:] if line.strip()), "")
    delimiter = announced[1] if announced else _delimiter(header, known)
    return delimiter, _Reader(lines, delimiter, quoted or delimiter != "\t").records(first)


def _delimiter(header: str, known: Collection[str]) -> str:
    wanted = {name.casefold() for name in known}

    def shown(delimiter: str) -> tuple[int, int]:
        names = [name.strip().casefold() for name in next(csv.reader([header], delimiter=delimiter), [])]
        return len(wanted.intersection(names)), len(names)

    return max(_DELIMITERS, key=shown)


class _Reader:
    """Reads records from lines, whose ends are kept.

    Args:
        lines: of the file.
        delimiter: between fields.
        quoted: whether quotation marks enclose fields.
    """

    def __init__(self, lines: Sequence[str], delimiter: str, quoted: bool) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._quoted = quoted

    def records(self, first: int) -> Iterator[Record]:
        """Yield the records from the line at position `first`; the first of them is the header."""
        width, start = 0, first
        rows = self._parse(start)
        problem: str | None
        while start < len(self._lines):
            try:
                fields, taken = next(rows)
                problem = self._swallowed(start, taken, width)
            except csv.Error as error:
                problem = self._why(error)
            if problem is not None:
                yield Record(start + 1, (), problem)
                start += 1
                rows = self._parse(start)
                continue
            values = tuple(normal(field.strip()) for field in fields)
            if any(values):
                width = width or len(values)
                yield Record(start + 1, values)
            start += taken

    def _parse(self, start: int) -> Iterator[tuple[list[str], int]]:
        """Yield the fields of each record from a line on, and how many lines it took."""
        reader = csv.reader(
            (self._lines[number] for number in range(start, len(self._lines))),
            delimiter=self._delimiter,
            quoting=csv.QUOTE_MINIMAL if self._quoted else csv.QUOTE_NONE,
            skipinitialspace=True,
            strict=True,
        )
        before = 0
        for fields in reader:
            yield fields, reader.line_num - before
            before = reader.line_num

    def _why(self, error: csv.Error) -> str:
        if "unexpected end of data" in str(error):
            return "a quotation mark is opened and never closed"
        if "field larger" in str(error):
            most = f"{csv.field_size_limit():,} characters"
            return f"a field is longer than {most}: a quotation mark may be opened and never closed"
        if "expected after" in str(error):
            return (
                "a quotation mark is closed, but no field ends there: one is opened and never closed, or marks inside "
                "a field are not doubled"
            )
        return f"it cannot be read ({error})"

    def _swallowed(self, start: int, taken: int, width: int) -> str | None:
        """Return what is wrong with a record of several lines that holds lines which look like rows themselves."""
        if taken < 2 or width < 2:
            return None
        kind = _kind(self._plain(start)[0])
        inner = [self._plain(number) for number in range(start + 1, start + taken)]
        rows = sum(len(fields) == width and _kind(fields[0]) == kind for fields in inner)
        return f"a quotation mark is opened and not closed in its row: {rows:,} rows follow inside it" if rows else None

    def _plain(self, number: int) -> list[str]:
        return self._lines[number].rstrip("\r\n").split(self._delimiter)


def _kind(cell: str) -> tuple[str, bool, bool]:
    """Say what a first cell looks like: its suffix, whether it holds digits, whether it holds blanks."""
    word = cell.strip().strip('"').lower()
    suffix = _SUFFIX.fullmatch(word)
    return suffix[1] if suffix else "", any(letter.isdigit() for letter in word), " " in word
