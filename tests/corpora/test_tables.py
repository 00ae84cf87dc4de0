import os
from pathlib import Path

import pytest

from vibespeaker.corpora.folder import list_files, one_file_each
from vibespeaker.corpora.tables import clip_stem, number, read_rows
from vibespeaker.errors import CorpusError


def test_rows_come_with_their_line_and_short_ones_are_filled(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes('\ufeffname, score ,text\na,1,"two\nlines"\n\n b ,2\nc,3,x,extra\n'.encode())
    columns, rows = read_rows(path)
    assert columns == ["name", "score", "text"]
    assert list(rows) == [
        (3, {"name": "a", "score": "1", "text": "two\nlines"}),
        (5, {"name": "b", "score": "2", "text": ""}),
        (6, {"name": "c", "score": "3", "text": "x"}),
    ]


def test_bytes_that_are_no_utf8_do_not_stop_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"name\nOther-caf\xe9\n")
    assert [row["name"] for _, row in read_rows(path)[1]] == ["Other-caf\ufffd"]


def test_unreadable_tables_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"empty\.csv is empty"):
        read_rows(tmp_path / "empty.csv")
    with pytest.raises(CorpusError, match=r"missing\.csv cannot be read as a table.*No such file"):
        read_rows(tmp_path / "missing.csv")
    (tmp_path / "huge.csv").write_text('name\n"' + "x" * 200_000 + '"\n')
    with pytest.raises(CorpusError, match=r"huge\.csv cannot be read as a table.*field larger"):
        list(read_rows(tmp_path / "huge.csv")[1])


@pytest.mark.parametrize(("value", "expected"), [("4.5", 4.5), (4, 4.0), ("", None), (None, None), (" nan ", None)])
def test_numbers(value: object, expected: float | None) -> None:
    assert number(value) == expected


def test_what_is_no_number_is_quoted() -> None:
    with pytest.raises(ValueError, match="'4,5' is not a number"):
        number("4,5")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MSP-PODCAST_0001_0002.wav", "MSP-PODCAST_0001_0002"),
        ("Audios/a.b.WAV ", "a.b"),
        ("C:\\clips\\a.mp3", "a"),
        ("a.0001", "a.0001"),
        ("", ""),
    ],
)
def test_clip_names(name: str, expected: str) -> None:
    assert clip_stem(name) == expected


def test_names_that_are_no_utf8_are_reported(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.wav")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (tmp_path / "b.wav").write_bytes(b"")
    kept, problems = one_file_each(list_files(tmp_path))
    assert kept == ["b.wav"]
    assert [(problem.item, problem.reason) for problem in problems] == [("caf\ufffd.wav", "its name is no UTF-8")]


def test_files_are_listed_by_name_whatever_the_file_system_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("b/2.wav", "b/10.WAV", "a.wav", "B.flac", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    expected = ["B.flac", "a.wav", "b/10.WAV", "b/2.wav"]
    assert list_files(tmp_path) == expected
    walk = os.walk

    def backwards(*args: object, **kwargs: object) -> object:
        yield from ((folder, subfolders, names[::-1]) for folder, subfolders, names in walk(*args, **kwargs))

    monkeypatch.setattr(os, "walk", backwards)
    assert list_files(tmp_path) == expected
