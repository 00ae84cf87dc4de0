import errno
import os
from pathlib import Path

import pytest

from vibespeaker import files
from vibespeaker.files import (
    atomic_path,
    copy_file,
    file_sha256,
    naming,
    remove_leftovers,
    temporary_beside,
    write_text,
)


def test_a_file_appears_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_text() == "half"
    assert os.listdir(path.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("no space left on device")])
def test_a_failed_write_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("ne")
            raise error

    with pytest.raises((KeyboardInterrupt, OSError)):
        write()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_text_is_utf8_with_unix_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "é\nb\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xa9\nb\n"


def test_the_hash_is_the_published_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(path) == expected
    monkeypatch.setattr(files, "CHUNK_BYTES", 2)
    assert file_sha256(path) == expected


def test_left_overs_of_the_dead_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    pid = os.fork()
    if not pid:
        try:
            temporary_beside(tmp_path / "killed.json").write_text("half")
            temporary_beside(tmp_path / "folder").mkdir()
        finally:  # a child that fails must not go on as a second run of the tests
            os._exit(0)
    os.waitpid(pid, 0)
    own = temporary_beside(tmp_path / "own.json")
    away = tmp_path / ".a.json.vibespeaker-another-1-0.tmp"
    old, foreign = tmp_path / f".cache.json.{pid}.tmp", tmp_path / f".notes.{pid}.tmp"
    for path in (own, away, old, foreign):
        path.write_text("half")
    assert len(list(tmp_path.iterdir())) == 6
    remove_leftovers(tmp_path)
    assert {*tmp_path.iterdir()} == {own, away, foreign}
    os.utime(away, (0, 0))  # nobody writes for years
    remove_leftovers(tmp_path)
    assert {*tmp_path.iterdir()} == {own, foreign}
    remove_leftovers(tmp_path / "missing")


def test_names_up_to_the_longest_can_be_written(tmp_path: Path) -> None:
    write_text(tmp_path / ("é" * 125 + ".json"), "a")
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_names_what_is_written_not_what_is_copied(tmp_path: Path) -> None:
    target, temporary = tmp_path / "out", tmp_path / ".out.tmp"
    with pytest.raises(OSError, match="No space") as raised, naming(target, temporary):
        raise OSError(28, "No space left on device", str(tmp_path / "source"), None, str(temporary / "a.csv"))
    assert (raised.value.filename, raised.value.filename2) == (str(target), None)
    (tmp_path / "source").write_text("content")
    copy_file(tmp_path / "source", target)
    assert target.read_text() == "content"
    with pytest.raises(FileNotFoundError) as missing:
        copy_file(tmp_path / "missing", target)
    assert missing.value.filename == str(tmp_path / "missing")


def test_an_error_that_names_no_file_names_the_one_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(OSError) as refused, naming(tmp_path / "a", tmp_path / "b"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(refused.value) == f"[Errno 28] No space left on device: '{tmp_path / 'a'}'"
