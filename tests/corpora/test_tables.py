"""Tables of every make: read right, or named with the line; nothing shifts, nothing vanishes."""

import json
from pathlib import Path

import pandas as pd
import pytest

from vibespeaker.corpora.tables import Table, open_table
from vibespeaker.errors import CorpusError


def opened(path: Path, content: str | bytes, **options: object) -> Table:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_table(path, **options)


def read(table: Table) -> list[tuple[int, list[str]]]:
    return [(line, list(row.values())) for line, row in table.rows()]


def reasons(table: Table) -> list[tuple[str, str]]:
    list(table.rows())
    return [(problem.item, problem.reason) for problem in table.problems]


def test_rows_come_with_their_first_line(tmp_path: Path) -> None:
    table = opened(tmp_path / "a.csv", '\ufeffname, score ,text\na,1,"two\nlines"\n\n b ,2, "x, y"\n,,\n')
    assert table.columns == ["name", "score", "text"]
    assert read(table) == [(2, ["a", "1", "two\nlines"]), (5, ["b", "2", "x, y"])]
    assert table.problems == []


def test_a_row_of_another_width_is_named_and_never_used(tmp_path: Path) -> None:
    table = opened(tmp_path / "a.csv", "audio,arousal,valence\na,5,5,4,0\nb,1,2\nc,3\nd,1,2,\n")
    assert read(table) == [(3, ["b", "1", "2"])]
    hint = "; numbers with decimal commas need another separator between the fields, or decimal points"
    assert [(problem.item, problem.reason) for problem in table.problems] == [
        ("a.csv:2", "5 fields, header has 3" + hint),
        ("a.csv:4", "2 fields, header has 3"),
        ("a.csv:5", "4 fields, header has 3" + hint),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_the_one_that_shows_known_columns(tmp_path: Path, separator: str) -> None:
    header = separator.join(["audio", '"a, b; c"', "Arousal"])
    table = opened(tmp_path / "a.csv", f"{header}\n{separator.join(['x', 'y', '1'])}\n", known=("audio", "arousal"))
    assert table.columns == ["audio", "a, b; c", "arousal"]
    assert read(table) == [(2, ["x", "y", "1"])]


def test_decimal_commas_where_no_comma_separates(tmp_path: Path) -> None:
    table = opened(tmp_path / "a.csv", "sep=;\r\naudio;arousal\r\nx;4,5\r\ny;1.234,5\r\n")
    values = [row["arousal"] for _, row in table.rows()]
    assert table.number(values[0]) == 4.5
    with pytest.raises(ValueError, match=r"'1\.234,5' is not a number"):
        table.number(values[1])
    with pytest.raises(ValueError, match="'4,5' is not a number"):
        opened(tmp_path / "b.csv", 'audio,arousal\nx,"4,5"\n').number("4,5")


@pytest.mark.parametrize(
    ("rows", "kept", "broken"),
    [
        # never closed
        ('a1.wav,"I said\na2.wav,fine\na3.wav,oh\n', ["a2.wav", "a3.wav"], {2: "never closed"}),
        # closed by the mark that opens a field of a later row
        ('a1.wav,"I said\na2.wav,fine\na3.wav,"oh"\na4.wav,x\n', ["a2.wav", "a3.wav", "a4.wav"], {2: "no field ends"}),
        # closed at the end of a later row
        ('a1.wav,"I said\na2.wav,fine\na3.wav,oh"\n', ["a2.wav", "a3.wav"], {2: "2 rows follow inside it"}),
        # marks in a field that are not doubled
        ('a1.wav,"he said "no" again"\na2.wav,fine\n', ["a2.wav"], {2: "not doubled"}),
        # lines of a text are no rows
        ('a1.wav,"Well,\nI never, no"\na2.wav,5" tall\n', ["a1.wav", "a2.wav"], {}),
        ('a1.wav,"' + "x" * 200_000 + "\na2.wav,fine\n", ["a2.wav"], {2: "longer than 131,072 characters"}),
    ],
)
def test_an_open_quotation_mark_costs_its_row_alone(
    tmp_path: Path, rows: str, kept: list[str], broken: dict[int, str]
) -> None:
    table = opened(tmp_path / "a.csv", "audio,text\n" + rows)
    assert [fields[0] for _, fields in read(table)] == kept
    assert [problem.item for problem in table.problems] == [f"a.csv:{line}" for line in broken]
    assert all(wanted in problem.reason for wanted, problem in zip(broken.values(), table.problems, strict=True))


def test_marks_between_tabs_may_be_characters(tmp_path: Path) -> None:
    table = opened(tmp_path / "a.tsv", 'path\tsentence\nx\t"Oh\ny\tno"\n', quoted=False)
    assert read(table) == [(2, ["x", '"Oh']), (3, ["y", 'no"'])]


def test_columns_match_without_case_and_blanks_and_none_stands_twice(tmp_path: Path) -> None:
    table = opened(tmp_path / "a.csv", " Audio ,CATEGORY,Notes,\nx,y,z,\n", known=("audio", "category"))
    assert table.columns == ["audio", "category", "Notes", "column 4 without a name"]
    for header in ("audio,category,speaker,category", "audio,Category,category", "a,note,Note"):
        with pytest.raises(CorpusError, match=r"b\.csv has two columns of one name\. Found: \w+, \w+\."):
            opened(tmp_path / "b.csv", header + "\n")
    with pytest.raises(CorpusError, match=r"b\.csv lacks the columns audio\. Found: a, b\."):
        opened(tmp_path / "b.csv", "a,b\n", needed=("audio",))


def test_composed_and_decomposed_text_is_the_same(tmp_path: Path) -> None:
    table = opened(tmp_path / "a.csv", "spea\u0301ker\nRene\u0301\nRen\u00e9\n", known=("spe\u00e1ker",))
    assert {row["spe\u00e1ker"] for _, row in table.rows()} == {"Ren\u00e9"}


def test_unreadable_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"empty\.csv is empty"):
        opened(tmp_path / "empty.csv", b"\n\n")
    with pytest.raises(CorpusError, match=r"missing\.csv cannot be read.*No such file"):
        open_table(tmp_path / "missing.csv")
    with pytest.raises(CorpusError, match=r"no header that can be read: line 1: a quotation mark is opened and never"):
        opened(tmp_path / "open.csv", '"audio,text\nx,y\n')
    with pytest.raises(CorpusError, match=r"old\.xls cannot be read\. Found: \.xls\. Remedy: save the table as \.xlsx"):
        opened(tmp_path / "old.xls", b"")
    with pytest.raises(CorpusError, match=r"a\.csv has no sheets"):
        opened(tmp_path / "a.csv", "a\n", sheet="one")


RECORDS = [{"audio": "a", "arousal": 1.0, "n": 7}, {"audio": "b", "text": None, "arousal": 2.5}]


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".parquet"])
def test_typed_tables(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".parquet":
        pd.DataFrame(RECORDS)[["audio", "arousal", "n", "text"]].to_parquet(path)
    elif suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(record) for record in RECORDS))
    else:
        path.write_text(json.dumps(RECORDS))
    table = open_table(path)
    assert table.columns == ["audio", "arousal", "n", "text"]
    # whole numbers as one would type them: speaker 7 is not speaker 7.0
    assert read(table) == [(1, ["a", "1", "7", ""]), (2, ["b", "2.5", "", ""])]


def test_broken_json_is_named(tmp_path: Path) -> None:
    table = opened(
        tmp_path / "a.jsonl", '{"audio": "a"}\n{"audio": \n{"audio": "a", "audio": "b"}\n{"audio": ["c"]}\n3\n'
    )
    assert [reason[:40] for _, reason in reasons(table)] == [
        "it is no JSON (Expecting value: line 1 c",
        "it is no JSON (an object names 'audio' t",
        "audio holds no single value",
        "it is no object, but '3'",
    ]
    with pytest.raises(CorpusError, match=r"a\.json holds no table\. Found: int\. Allowed: a list of objects"):
        opened(tmp_path / "a.json", "3")
    with pytest.raises(CorpusError, match=r"a\.json cannot be read as JSON\. Found: it is nested too deeply"):
        opened(tmp_path / "a.json", "[" * 100_000)
    assert read(opened(tmp_path / "a.json", '{"x": {"audio": "a"}, "y": {"audio": "b"}}')) == [(1, ["a"]), (2, ["b"])]
