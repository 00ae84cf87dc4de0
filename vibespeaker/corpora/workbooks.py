"""Excel workbooks (.xlsx) → records of text, as the cells are shown.

A row's number is the one that Excel shows. What would be lost in silence is named: results of formulas that no program
has computed, and cells that were merged, of which only the first holds the value.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vibespeaker.corpora.cells import as_text
from vibespeaker.corpora.records import Record
from vibespeaker.errors import CorpusError

#: What a workbook may unpack to; a small file can hold a thousand times its size.
_MOST_BYTES = 1 << 30


def workbook_records(path: Path, sheet: str | None, remarks: list[str]) -> Iterator[Record]:
    """Return the rows of a sheet that are not empty, the header first.

    Args:
        path: the workbook.
        sheet: its name; null for the first.
        remarks: what is worth knowing is added here.

    Raises:
        CorpusError: the file is no workbook, or has no such sheet.
    """
    import openpyxl

    try:
        parts = _parts(path)
        # without results (data_only) a formula is its own text
        results = openpyxl.load_workbook(path, read_only=True, data_only=True)
        formulas = openpyxl.load_workbook(path, read_only=True) if "<f" in parts else None
    except CorpusError:
        raise
    except Exception as error:  # openpyxl raises what its parsers raise: KeyError, ValueError, BadZipFile …
        raise CorpusError(
            f"{path} cannot be read as an Excel workbook", found=str(error) or type(error).__name__
        ) from error
    names = [found.title for found in results.worksheets]
    chosen = names[0] if sheet is None and names else sheet
    if chosen not in names:
        raise CorpusError(f"{path} has no such sheet", found=sheet, allowed=names)
    if sheet is None and len(names) > 1:
        remarks.append(f"{path.name} has {len(names)} sheets: {chosen} was read; --options.sheet NAME reads another")
    if "<mergeCell" in parts:
        remarks.append(f"{path.name} has merged cells: only the first of each holds its value, the others are empty")
    return _rows(results[chosen], formulas[chosen] if formulas else None)


def _parts(path: Path) -> str:
    """Return which of two marks the sheets of a workbook hold: `<f` for formulas, `<mergeCell`."""
    marks = set()
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
            raise CorpusError(f"{path} unpacks to more than {_MOST_BYTES >> 30} GB", remedy="save the table as CSV")
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                marks.update(re.findall(rb"<f(?=[ />])|<mergeCell", archive.read(name)))
    return b" ".join(sorted(marks)).decode()


def _rows(results: Any, formulas: Any | None) -> Iterator[Record]:
    """Yield the rows as wide as the header; what stands right of it makes a row wider."""
    originals = formulas.iter_rows() if formulas is not None else None
    width = 0
    for number, cells in enumerate(results.iter_rows(), 1):
        original = next(originals, ()) if originals is not None else ()
        fields = [_shown(cell) for cell in cells]
        while fields and not fields[-1]:
            fields.pop()
        missing = [c for c in original if getattr(c, "data_type", "") == "f" and not _at(fields, c.column - 1)]
        if missing:
            problem = (
                f"cell {missing[0].coordinate} holds a formula without its result: open the file in Excel and save it"
            )
            yield Record(number, (), problem)
        elif fields:
            width = width or len(fields)
            yield Record(number, (*fields, *[""] * (width - len(fields))))


def _at(fields: list[str], place: int) -> str:
    return fields[place] if place < len(fields) else ""


def _shown(cell: Any) -> str:
    """Return a cell's text; a number that is shown with zeros in front keeps them."""
    value = cell.value
    if isinstance(value, (int, float)) and not isinstance(value, bool) and re.fullmatch("0+", cell.number_format):
        return format(value, f"0{len(cell.number_format)}.0f")
    if isinstance(value, float):
        # Excel keeps fifteen digits: 0.1 + 0.2 is 0.3
        value = float(f"{value:.15g}")
    return as_text(value)
