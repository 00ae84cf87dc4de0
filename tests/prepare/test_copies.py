"""Files of one name and the same bytes count once; what is annotated differently is kept and reported."""

import shutil
from pathlib import Path

import pytest

from tests.prepare.test_terminal import recordings
from vibespeaker.cli.main import main
from vibespeaker.manifest import Manifest


def test_copies_in_other_folders_are_left_out_with_one_warning_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = recordings(tmp_path / "audio", "a/1.wav", "a/2.wav", "a/3.wav")
    shutil.copytree(root / "a", root / "b" / "again")
    # the same sound under another name, and one of another label
    shutil.copy(root / "a" / "1.wav", root / "a" / "4.wav")
    names = ["a/1", "a/2", "a/3", "a/4", "b/again/1", "b/again/2", "b/again/3"]
    labels = dict.fromkeys(names, "angry") | {"b/again/3": "sad"}
    table = tmp_path / "t.csv"
    table.write_text("\n".join(["audio,category", *(f"{name}.wav,{labels[name]}" for name in names)]))
    out = tmp_path / "m.parquet"
    assert main(["prepare", "table", str(table), "--out", str(out), "--options.audio_folder", str(root)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "warning: 2 files of folder b/again left out as further copies, the first b/again/1.wav" in shown
    manifest = Manifest.read(out)
    assert manifest.column("audio") == ["a/1.wav", "a/2.wav", "a/3.wav", "a/4.wav", "b/again/3.wav"]
    problems = out.with_suffix(".problems.csv").read_text().splitlines()[1:]
    assert problems == ["a/4.wav,no,the same audio as a/1.wav", "b/again/3.wav,no,the same audio as a/3.wav"]
