"""The challenge's two files (Interspeech 2025, MSP-Podcast): how they are written and what is refused.

Task 1 has the header `FileName,EmoClass` and a letter of A S H U F D C N per row; task 2 has
`FileName,EmoAct,EmoVal,EmoDom` and three numbers within 1–7. Note the order of task 2: arousal, *valence*, dominance.
Both are comma-separated, sorted by file name, one row per test file.
"""

import csv
import io
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vibespeaker.files.csv_text import is_formula
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES, CHALLENGE, LETTER_OF

TASK1_HEADER = ("FileName", "EmoClass")
#: Columns of task 2 behind the file name, each with the attribute it holds.
TASK2_ATTRIBUTES = {"EmoAct": "arousal", "EmoVal": "valence", "EmoDom": "dominance"}
TASK2_HEADER = ("FileName", *TASK2_ATTRIBUTES)
LETTERS = tuple(LETTER_OF[emotion] for emotion in CHALLENGE.classes)
TEST_FILES = tuple(f"MSP-PODCAST_test3_{number:04d}.wav" for number in range(1, 3201))
DECIMALS = 6
#: Offending rows or names that a reason lists before it only counts.
_SHOWN = 5


def task1_csv(names: Sequence[str], letters: Sequence[str]) -> str:
    """Return the text of the task 1 file.

    Args:
        names: `(N,)`, published file names in any order.
        letters: `(N,)`, one letter each.
    """
    return _csv(TASK1_HEADER, zip(names, letters, strict=True))


def task2_csv(names: Sequence[str], attributes: npt.NDArray[np.float64]) -> str:
    """Return the text of the task 2 file, with six decimals.

    Args:
        names: `(N,)`, published file names in any order.
        attributes: `(N, 3)`, arousal, valence, dominance on 1–7.
    """
    order = [ATTRIBUTES.index(attribute) for attribute in TASK2_ATTRIBUTES.values()]
    pairs = zip(names, attributes, strict=True)
    rows = ((name, *(f"{value:.{DECIMALS}f}" for value in row[order])) for name, row in pairs)
    return _csv(TASK2_HEADER, rows)


@dataclass(frozen=True)
class Parsed:
    """A challenge file as read.

    Args:
        header: the first row.
        rows: the others; with `reasons` empty, each has the header's columns and a valid value in all but the first.
        reasons: what is wrong with its form, whatever the test files are.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    reasons: tuple[str, ...]


def parse(content: bytes) -> Parsed:
    """Read a challenge file of either task and note everything that is wrong with its form.

    Args:
        content: the file's bytes.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return Parsed((), (), (f"the file is not UTF-8 text: {error}",))
    header, *rows = [tuple(row) for row in csv.reader(io.StringIO(text, newline=""))] or [()]
    if header not in (TASK1_HEADER, TASK2_HEADER):
        return Parsed(header, (), (_header_complaint(text, header),))
    return Parsed(header, tuple(rows), tuple(_row_complaints(header, rows)))


def complaints(content: bytes, names: Sequence[str]) -> list[str]:
    """Return every reason for which the organisers would refuse the file, in the order found; none when it is right.

    Args:
        content: the file's bytes.
        names: the test files that must each have one row.
    """
    parsed = parse(content)
    if parsed.header not in (TASK1_HEADER, TASK2_HEADER):
        return list(parsed.reasons)
    return [*parsed.reasons, *_name_complaints([row[0] for row in parsed.rows if row], names)]


def read_task2(content: bytes) -> dict[str, npt.NDArray[np.float64]]:
    """Return file name → `(3,)` arousal, valence, dominance of a task 2 file; its rows may be in any order.

    Args:
        content: the file's bytes.

    Raises:
        ValueError: listing what is wrong with its header, rows, numbers or names.
    """
    parsed = parse(content)
    reasons = list(parsed.reasons)
    if not reasons and parsed.header != TASK2_HEADER:
        reasons = [f"the header is not {','.join(TASK2_HEADER)}"]
    names = [row[0] for row in parsed.rows if row]
    reasons += [reason for reason in _name_complaints(sorted(names), sorted(set(names))) if "repeated" in reason]
    if reasons:
        raise ValueError("; ".join(reasons))
    columns = [TASK2_HEADER.index(_column_of(attribute)) for attribute in ATTRIBUTES]
    return {row[0]: np.array([float(row[column]) for column in columns]) for row in parsed.rows}


def _column_of(attribute: str) -> str:
    return next(column for column, held in TASK2_ATTRIBUTES.items() if held == attribute)


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [",".join(header), *(",".join(row) for row in sorted(rows, key=lambda row: row[0]))]
    return "\n".join(lines) + "\n"


def _header_complaint(text: str, header: Sequence[str]) -> str:
    wanted = f"{','.join(TASK1_HEADER)} (task 1) or {','.join(TASK2_HEADER)} (task 2)"
    if not text.strip():
        return "the file is empty"
    if text.startswith("\ufeff"):
        return "the file starts with a byte order mark"
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            return f"columns are separated by {name}, not commas"
    return f"the header is {','.join(header)!r}, not {wanted}"


def _row_complaints(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            reason = f"a row does not have {len(header)} columns" if row else "a row is empty"
            by_reason.setdefault(reason, []).append(f"line {number}")
            continue
        for column, value in zip(header[1:], row[1:], strict=True):
            reason = _value_complaint(column, value)
            if reason:
                by_reason.setdefault(reason, []).append(f"line {number}: {value!r}")
    return [f"{reason} ({_listed(places)})" for reason, places in by_reason.items()]


def _value_complaint(column: str, value: str) -> str:
    if column == "EmoClass":
        return "" if value in LETTERS else f"EmoClass is not one of {', '.join(LETTERS)}"
    try:
        number = float(value.replace("_", "underscores are no digits"))
    except ValueError:
        return f"{column} is not a number"
    if not math.isfinite(number):
        return f"{column} is not finite"
    return "" if ATTRIBUTE_MIN <= number <= ATTRIBUTE_MAX else f"{column} is outside 1 to 7"


def _name_complaints(found: Sequence[str], names: Sequence[str]) -> list[str]:
    wanted, seen, repeated = set(names), set(), []
    for name in found:
        if name in seen:
            repeated.append(name)
        seen.add(name)
    reasons = []
    # the file is fixed to the byte: such a name is refused, not escaped
    unsafe = sorted(name for name in seen if is_formula(name) or any(ord(letter) < 32 for letter in name))
    for what, items in (
        ("names would be formulas in a spreadsheet", unsafe),
        ("files are missing", sorted(wanted - seen)),
        ("files are not in the test set", sorted(seen - wanted)),
        ("files are repeated", sorted(set(repeated))),
    ):
        if items:
            reasons.append(f"{len(items)} {what} ({_listed(items)})")
    if len(found) != len(names):
        reasons.append(f"there are {len(found)} rows, not {len(names)}")
    if list(found) != sorted(found):
        first = next(after for before, after in itertools.pairwise(found) if after < before)
        reasons.append(f"rows are not sorted by file name (first out of order: {first})")
    return reasons


def _listed(items: Sequence[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more
