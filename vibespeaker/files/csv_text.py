"""CSV files that people open in spreadsheets: text stays text, numbers stay numbers.

A spreadsheet takes a cell that begins like a formula for one, and may run it. Such a cell gets an apostrophe in front,
which spreadsheets take for "this is text" (OWASP, *CSV Injection*). The challenge's submission files are not written
here: theirs is a format to the byte, and names in them are checked instead.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from vibespeaker.files import write_text

_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
_DIGITS = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
#: A number, perhaps with its interval: -0.012 [-0.031, 0.008].
_NUMBER = re.compile(rf"{_DIGITS}( \[{_DIGITS}, {_DIGITS}\])?")
#: A cell with one of these is quoted: where comma is the decimal sign, spreadsheets separate columns by semicolons.
_SEPARATORS = re.compile(r'[",;\t\r\n]')


def is_formula(text: str) -> bool:
    """Return True for what a spreadsheet would take for a formula; a number, perhaps with its interval, is none."""
    return bool(_FORMULA.match(text)) and not _NUMBER.fullmatch(text)


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as CSV: commas, Unix line ends, quotes where needed.

    Args:
        header: names of the columns.
        rows: texts and numbers, null for an empty cell.
    """
    return "".join(",".join(map(_cell, row)) + "\n" for row in (header, *rows))


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table as CSV, atomically; see `csv_text`."""
    write_text(path, csv_text(header, rows))


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    if isinstance(value, str) and is_formula(text):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if _SEPARATORS.search(text) else text
