"""Tables of labels, of every make: one way to read them, with problems that name the file, the line and the column.

Columns are found without regard to case and to the white space around them. A row that has more or fewer fields than
the header is a problem and never used: which of its fields belongs where cannot be told.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vibespeaker.corpora.base import Problem
from vibespeaker.corpora.cells import number
from vibespeaker.corpora.delimited import delimited_records
from vibespeaker.corpora.records import Record
from vibespeaker.corpora.structured import structured_records
from vibespeaker.corpora.text_files import read_text
from vibespeaker.errors import CorpusError

logger = logging.getLogger(__name__)


@dataclass
class Table:
    """An open table.

    Args:
        path: its file.
        columns: its columns, those that the reader knows as the reader calls them, the others as published.
        records: the rows.
        remarks: how it was decoded where that is worth knowing.
        decimal_comma: whether a comma in a number is its decimal point: in files whose fields no comma separates.
        item: what stands for the file in problems.
        problems: rows that could not be read; whole once `rows` has come to its end.
    """

    path: Path
    columns: list[str]
    records: Iterator[Record]
    remarks: list[str]
    decimal_comma: bool
    item: str
    problems: list[Problem] = field(default_factory=list)

    def rows(self) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Yield line number and column → text, empty where there is none; what cannot be read goes to `problems`."""
        for record in self.records:
            reason = record.problem or self._misfit(record.fields)
            if reason is not None:
                self.problems.append(Problem(f"{self.item}:{record.line}", reason))
            else:
                yield record.line, dict(zip(self.columns, record.fields, strict=True))

    def all_problems(self) -> list[Problem]:
        """Return, after the last row, what could not be read, and what is worth knowing of the whole file."""
        return [*(Problem(self.item, remark, dropped=False) for remark in self.remarks), *self.problems]

    def _misfit(self, fields: Sequence[str]) -> str | None:
        if len(fields) == len(self.columns):
            return None
        hint = ""
        if len(fields) > len(self.columns) and not self.decimal_comma:
            hint = "; numbers with decimal commas need another separator between the fields, or decimal points"
        return f"{len(fields)} fields, header has {len(self.columns)}{hint}"

    def number(self, text: str | None) -> float | None:
        """Return the number that a field holds; see `number`."""
        return number(text, self.decimal_comma)


def open_table(
    path: Path,
    known: Collection[str] = (),
    needed: Collection[str] = (),
    *,
    quoted: bool = True,
    encoding: str | None = None,
    sheet: str | None = None,
    item: str | None = None,
) -> Table:
    """Open a table with a header.

    Args:
        path: text with commas, semicolons, tabs or bars between fields; `.xlsx`, `.json`, `.jsonl` or `.parquet`.
        known: columns that the reader knows, as it calls them; those of the table differ in case at most.
        needed: columns that must be there.
        quoted: False where a quotation mark between tabs is a character like any other.
        encoding: of a text file; null to find out.
        sheet: of a workbook; null for the first.
        item: what stands for the file in problems; null for its name.

    Raises:
        CorpusError: the file cannot be read, is empty, lacks columns, or has two of one name.
    """
    known = (*known, *needed)
    remarks: list[str] = []
    decimal_comma = True
    records = structured_records(path, sheet, remarks)
    if records is None:
        text = read_text(path, encoding)
        remarks += [text.remark] if text.remark else []
        delimiter, records = delimited_records(text.content, known, quoted)
        decimal_comma = delimiter != ","
    header = next(records, None)
    if header is None:
        raise CorpusError(f"{path} is empty", allowed="a table with a header")
    if header.problem is not None:
        raise CorpusError(f"{path} has no header that can be read: line {header.line}: {header.problem}")
    columns = _named(path, header.fields, known)
    require_columns(path, columns, needed)
    return Table(path, columns, records, remarks, decimal_comma, item or path.name)


def _named(path: Path, header: Sequence[str], known: Collection[str]) -> list[str]:
    """Return the columns, those that are known by the names the reader gives them.

    Raises:
        CorpusError: two have one name.
    """
    names = {name.casefold(): name for name in known}
    counts = Counter(name.casefold() for name in header if name)
    twice = [name for name in header if counts[name.casefold()] > 1]
    if twice:
        raise CorpusError(
            f"{path} has two columns of one name", found=", ".join(twice), remedy="name them apart, or remove one"
        )
    # a column without a name cannot be asked for; each still needs a name of its own
    return [
        names.get(name.casefold(), name) or f"column {place} without a name" for place, name in enumerate(header, 1)
    ]


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file, numbered from 1, without the white space around them.

    Raises:
        CorpusError: the file cannot be read, or is no text.
    """
    text = read_text(path)
    if text.remark:
        logger.warning("%s", text.remark)
    for place, line in enumerate(text.content.split("\n"), 1):
        yield place, line.strip()


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
