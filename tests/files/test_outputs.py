import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from vibespeaker.errors import ConfigError, VibeSpeakerError
from vibespeaker.files.outputs import (
    below,
    check_apart,
    check_different,
    check_folder,
    check_name,
    check_output,
    distinct,
    plain_name,
)


def test_what_cannot_be_written_is_refused_before_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    os.symlink(tmp_path / "gone", tmp_path / "dangling")
    os.mkfifo(tmp_path / "fifo.parquet")
    refused = {
        tmp_path: "is a folder",
        tmp_path / "file" / "p.parquet": "Not a directory. Found: .*file",
        tmp_path / "file" / "deeper" / "p.parquet": "Not a directory. Found: .*file",
        tmp_path / "dangling" / "p.parquet": "Not a directory. Found: .*dangling",
        tmp_path / "fifo.parquet": "no regular file",
        tmp_path / "p.csv": r"Found: .csv. Allowed: .parquet",
        tmp_path / "p": r"Found: none",
        tmp_path / f"{'p' * 250}.parquet": "name of one file",
    }
    for path, reason in refused.items():
        with pytest.raises(ConfigError, match=reason):
            check_output(path, suffixes=(".parquet",))
    check_output(tmp_path / "new" / "folders" / "p.parquet", suffixes=(".parquet",))
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written_is_refused() -> None:
    with TemporaryDirectory() as folder:
        closed = Path(folder) / "closed"
        closed.mkdir(mode=0o555)
        os.chmod(folder, 0o755)
        root = os.geteuid() == 0
        if root:  # root writes everywhere: be nobody for a moment
            os.setresuid(65534, 65534, 0)
        try:
            with pytest.raises(ConfigError, match="Permission denied"):
                check_output(closed / "p.parquet")
        finally:
            if root:
                os.setresuid(0, 0, 0)


def test_an_input_is_no_output_by_whatever_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = tmp_path / "m.parquet"
    given.write_text("given")
    os.link(given, tmp_path / "hard.parquet")
    os.symlink(given, tmp_path / "soft.parquet")
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "index.parquet").write_text("given")
    monkeypatch.chdir(tmp_path)
    for name in ("m.parquet", "./cache/../m.parquet", "hard.parquet", "soft.parquet", str(given)):
        with pytest.raises(ConfigError, match="the command reads"):
            check_output(Path(name), inputs=[None, given])
    with pytest.raises(ConfigError, match="which the command reads"):
        check_output(cache / "index.parquet", inputs=[cache])
    os.link(cache / "index.parquet", tmp_path / "of_cache.parquet")
    with pytest.raises(ConfigError, match="which the command reads"):
        check_output(tmp_path / "of_cache.parquet", inputs=[cache])
    with pytest.raises(ConfigError, match="what the command reads"):
        check_folder(Path("cache"), inputs=[cache])
    with pytest.raises(ConfigError, match="is a file"):
        check_folder(given)
    with pytest.raises(ConfigError, match=r"m\.parquet in --out is a file that the command reads"):
        check_folder(tmp_path, inputs=[given], names=["table.csv", "m.parquet"])
    with pytest.raises(ConfigError, match="two outputs are one file"):
        check_different([Path("a.json"), tmp_path / "a.json"])
    check_output(cache / "new.parquet", inputs=[given])


def test_names_of_anything_become_names_of_files_that_differ() -> None:
    names = ["a b", "a-b", "A-b", "a-b-2", "../x", "без шума", "\n", "", "x" * 999]
    made = distinct(map(plain_name, names))
    assert made == ["a-b", "a-b-2", "A-b-3", "a-b-2-2", "x", "unnamed", "unnamed-2", "unnamed-3", "x" * 100]
    for name in made:
        check_name(name, "a file")


@pytest.mark.parametrize("name", ["", " ", ".", "..", "../x", "/x", "a/b", "a\\b", "a\0b", "a\nb", "x" * 256])
def test_a_name_is_one_folder(name: str) -> None:
    with pytest.raises(ConfigError, match="--name must be the name of one"):
        check_name(name, "--name")
    check_name("ablation-0.25", "--name")


def test_what_a_table_names_stays_below_its_folder(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "copies", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    os.symlink(elsewhere, folder / "link")
    assert below(folder, "corpus/a b.wav", "the table") == folder / "corpus" / "a b.wav"
    for name in ("../a.wav", "a/../../b.wav", "/etc/a.wav", "link/a.wav", "a//b.wav", "./a.wav", "a\0.wav"):
        with pytest.raises(VibeSpeakerError, match="the table names a file outside"):
            below(folder, name, "the table")


def test_targets_are_no_sources(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("a")
    os.link(tmp_path / "a.wav", tmp_path / "same.wav")
    os.symlink(tmp_path, tmp_path / "link")
    for target in ("a.wav", "same.wav", "link/a.wav"):
        with pytest.raises(VibeSpeakerError, match="would be replaced"):
            check_apart([tmp_path / "a.wav"], [tmp_path / target])
    with pytest.raises(VibeSpeakerError, match="two rows"):
        check_apart([], [tmp_path / "b.wav", tmp_path / "link" / "b.wav"])
    check_apart([tmp_path / "a.wav"], [tmp_path / "b.wav"])
