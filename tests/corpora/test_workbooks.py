"""Excel workbooks as they are shown; what would be lost in silence is named."""

import datetime
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from vibespeaker.corpora.tables import open_table
from vibespeaker.errors import CorpusError


def workbook(path: Path, rows: list[list[Any]], **sheets: list[list[Any]]) -> Any:
    book = openpyxl.Workbook()
    book.active.title = "labels"
    for row in rows:
        book.active.append(row)
    for name, more in sheets.items():
        sheet = book.create_sheet(name)
        for row in more:
            sheet.append(row)
    book.save(path)
    return book


def test_cells_are_text_as_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = workbook(path, [["Audio", "speaker", "day", "valence"], [], ["a", 7, datetime.date(2024, 1, 2), 0.1 + 0.2]])
    book.active["B3"].number_format = "000"
    book.active.append(["b", 12.0, None, 4])
    book.active.append(["c", None, None, 1, "beside"])
    book.save(path)
    table = open_table(path, known=("audio", "speaker"))
    assert table.columns == ["audio", "speaker", "day", "valence"]
    assert [(line, list(row.values())) for line, row in table.rows()] == [
        (3, ["a", "007", "2024-01-02", "0.3"]),
        (4, ["b", "12", "", "4"]),
    ]
    assert [(problem.item, problem.reason) for problem in table.problems] == [("a.xlsx:5", "5 fields, header has 4")]
    assert table.remarks == []


def test_the_first_sheet_unless_another_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    workbook(path, [["audio"], ["a"]], more=[["audio"], ["b"]])
    table = open_table(path)
    assert [row["audio"] for _, row in table.rows()] == ["a"]
    assert table.remarks == ["a.xlsx has 2 sheets: labels was read; --options.sheet NAME reads another"]
    assert [row["audio"] for _, row in open_table(path, sheet="more").rows()] == ["b"]
    with pytest.raises(CorpusError, match=r"a\.xlsx has no such sheet\. Found: labls\. Allowed: labels, more"):
        open_table(path, sheet="labls")


def test_formulas_without_results_and_merged_cells_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = workbook(path, [["audio", "valence"], ["a", "=1+1"], ["b", 3], ["", 4]])
    book.active.merge_cells("A3:A4")
    book.save(path)
    table = open_table(path)
    assert [row["audio"] for _, row in table.rows()] == ["b", ""]
    assert "cell B2 holds a formula without its result" in table.problems[0].reason
    assert "merged cells" in table.remarks[0]


def test_what_is_no_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"audio,text\n")
    with pytest.raises(CorpusError, match=r"a\.xlsx cannot be read as an Excel workbook"):
        open_table(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", "<row/>")
    with pytest.raises(CorpusError, match=r"a\.xlsx cannot be read as an Excel workbook"):
        open_table(path)
