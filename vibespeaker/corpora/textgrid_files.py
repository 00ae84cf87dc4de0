"""Praat's TextGrid files → tiers of intervals, in both of Praat's text formats and its encodings.

Praat reads what stands alone and takes everything else for comment: numbers, texts in quotation marks (doubled inside),
and flags in angle brackets. So the long format, `xmin = 0`, and the short one, `0`, are read by the same rule (Praat
manual, "TextGrid file formats").
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vibespeaker.corpora.text_files import normal, read_text
from vibespeaker.errors import CorpusError

_TOKEN = re.compile(
    r'(?P<text>"(?:[^"]|"")*")|(?P<flag><\w+>)|(?<![^\s])(?P<number>[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?![^\s%])'
    r"|(?<![^\s])![^\n]*|[^\s\"<]+|[\"<]"
)


@dataclass(frozen=True)
class Interval:
    """A labelled stretch of time.

    Args:
        line: of its text in the file, from 1.
        start: seconds.
        end: seconds.
        text: its label, without white space around it.
    """

    line: int
    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Tier:
    """A named row of intervals; of points, which have no duration, the intervals are empty.

    Args:
        name: as the annotator called it.
        intervals: in the order of the file.
        is_points: True for a tier of points.
    """

    name: str
    intervals: tuple[Interval, ...]
    is_points: bool = False


def read_textgrid(path: Path) -> tuple[list[Tier], str | None]:
    """Read a TextGrid.

    Args:
        path: in the long or the short text format; UTF-8, UTF-16 or Windows-1252.

    Returns:
        Its tiers, and a remark where its encoding is worth one.

    Raises:
        CorpusError: it is no TextGrid, binary, or ends too early.
    """
    text = read_text(path)
    values = _Values(path, text.content)
    kinds = [values.text()[1], values.text()[1]]
    if kinds != ["ooTextFile", "TextGrid"]:
        raise CorpusError(f"{path} is no TextGrid", found=", ".join(kinds), allowed="a TextGrid saved as a text file")
    values.number()
    values.number()
    if values.flag() != "<exists>":
        return [], text.remark
    return [_tier(values) for _ in range(values.count())], text.remark


def _tier(values: "_Values") -> Tier:
    kind, name = values.text()[1], values.text()[1]
    values.number()
    values.number()
    found = []
    for _ in range(values.count()):
        start = values.number()
        end = values.number() if kind == "IntervalTier" else start
        line, text = values.text()
        found.append(Interval(line, start, end, normal(text.strip())))
    return Tier(normal(name.strip()), tuple(found) if kind == "IntervalTier" else (), kind != "IntervalTier")


class _Values:
    """The values of a file, one after the other."""

    def __init__(self, path: Path, content: str) -> None:
        self._path = path
        self._values = _values(content)

    def _next(self, kind: str) -> tuple[int, str]:
        line, found, value = next(self._values, (0, "nothing", ""))
        if found != kind:
            where = f"line {line}" if line else "its end"
            raise CorpusError(f"{self._path} cannot be read: {where}", found=value or found, allowed=f"a {kind}")
        return line, value

    def text(self) -> tuple[int, str]:
        line, value = self._next("text")
        return line, value[1:-1].replace('""', '"')

    def number(self) -> float:
        return float(self._next("number")[1])

    def count(self) -> int:
        line, value = self._next("number")
        if not value.isdecimal():
            raise CorpusError(f"{self._path} cannot be read: line {line}", found=value, allowed="a number of items")
        return int(value)

    def flag(self) -> str:
        return self._next("flag")[1]


def _values(content: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, kind (text, number or flag) and value."""
    line, before = 1, 0
    for match in _TOKEN.finditer(content):
        if match.lastgroup is not None:
            line += content.count("\n", before, match.start())
            before = match.start()
            yield line, match.lastgroup, match[0]
