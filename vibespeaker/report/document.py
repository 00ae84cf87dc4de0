"""What a report consists of, apart from how it looks: sections of tables, pictures and paragraphs."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

#: Shown where there is nothing to show.
ABSENT = "–"


@dataclass(frozen=True)
class Table:
    """Rows of text.

    Args:
        caption: what the table says, in one sentence.
        header: names of the columns.
        rows: each as long as `header`.
        labels: columns at the left that hold names; all others hold numbers.
        best: (row, column) of cells to set off.
        folded: whether it is folded away under its caption.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    labels: int = 1
    best: frozenset[tuple[int, int]] = frozenset()
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure with its caption.

    Args:
        name: unique in the page; the stem of the file beside the Markdown.
        figure: what is drawn.
        caption: what it shows, and how to read it.
        alt: what is seen in it, with its main numbers, for those who cannot see it.
    """

    name: str
    figure: Figure
    caption: str
    alt: str


@dataclass(frozen=True)
class Clip:
    """A recording with its spectrogram.

    Args:
        name: unique in the page; the stem of the files beside the Markdown.
        picture: a PNG.
        sound: an MP3; null where it may not be in the page.
        caption: what was said and answered.
        alt: what is seen in the picture.
    """

    name: str
    picture: bytes
    sound: bytes | None
    caption: str
    alt: str


@dataclass(frozen=True)
class Paragraph:
    """Plain text, or a list of short facts."""

    text: str
    points: tuple[str, ...] = ()


@dataclass(frozen=True)
class Code:
    """Text kept as it is, folded away under its caption, e.g. a config."""

    caption: str
    text: str


Block = Table | Picture | Clip | Paragraph | Code


@dataclass(frozen=True)
class Section:
    """A titled part of the page."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def anchor(self) -> str:
        """The part of a link after `#`."""
        return "-".join("".join(letter if letter.isalnum() else " " for letter in self.title.lower()).split())


@dataclass(frozen=True)
class Page:
    """A whole report.

    Args:
        title: heading.
        lead: paragraphs below it.
        sections: in order; those without blocks are left out.
        warning: shown in a frame above all, e.g. that the speech is synthetic.
    """

    title: str
    lead: tuple[str, ...]
    sections: tuple[Section, ...]
    warning: str | None = None


def number(value: float | None, digits: int = 3) -> str:
    """Return a score as text; null and NaN as a dash."""
    return ABSENT if value is None or math.isnan(value) else f"{value:z.{digits}f}"


def with_interval(value: float, low: float, high: float, digits: int = 3) -> str:
    """Return a score with its interval, `0.412 [0.390, 0.434]`; without one when its ends are undefined."""
    if math.isnan(value) or math.isnan(low) or math.isnan(high):
        return number(value, digits)
    return f"{value:z.{digits}f} [{low:z.{digits}f}, {high:z.{digits}f}]"


def listed(names: Sequence[str], values: Sequence[float], most: int = 6) -> str:
    """Return names with their scores as text, the greatest first, for those who cannot see a picture."""
    known = [(value, name) for name, value in zip(names, values, strict=True) if not math.isnan(value)]
    if not known:
        return "no score is defined"
    ranked = [f"{name} {value:z.3f}" for value, name in sorted(known, key=lambda pair: -pair[0])]
    return ", ".join(ranked[:most]) + (
        f" and {len(ranked) - most} more, down to {ranked[-1]}" if len(ranked) > most else ""
    )


def best_cells(
    columns: Iterable[tuple[int, Sequence[float | None]]], lower: bool = False
) -> frozenset[tuple[int, int]]:
    """Return the (row, column) of the best value of each column; a column with fewer than two values has none.

    Args:
        columns: column number → its values, one per row, null or NaN where absent.
        lower: True when lower is better.
    """
    cells = set()
    for column, values in columns:
        known = [value for value in values if value is not None and not math.isnan(value)]
        if len(known) > 1:
            best = min(known) if lower else max(known)
            cells |= {(row, column) for row, value in enumerate(values) if value == best}
    return frozenset(cells)
