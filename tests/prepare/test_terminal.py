"""What prepare prints: problems by reason, names as they are, a partial copy in one line."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from vibespeaker.cli.main import main
from vibespeaker.corpora.base import Problem
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.terminal import problem_table
from vibespeaker.progress import plain_console


def recordings(root: Path, *names: str) -> Path:
    """Short recordings, each another noise."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.random.default_rng(number).normal(scale=0.1, size=3_200), 16_000)
    return root


def test_problems_are_grouped_by_reason(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [Problem(f"t.csv:{line}", f"label 'x{line}' is unknown") for line in range(2, 2000)]
    problems += [Problem("t.csv:7", "valence: 9 lies outside 1 to 7"), Problem("t.csv:9", "2 takes", dropped=False)]
    plain_console().print(problem_table(problems))
    rows = [line for line in capsys.readouterr().out.splitlines() if "│" in line]
    assert [[cell.strip() for cell in row.strip("│").split("│")] for row in rows] == [
        ["1,998", "dropped", "label 'x2' is unknown; …", "t.csv:2, t.csv:3, t.csv:4, …"],
        ["1", "dropped", "valence: 9 lies outside 1 to 7", "t.csv:7"],
        ["1", "kept", "2 takes", "t.csv:9"],
    ]


def test_a_partial_copy_is_one_line_before_its_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recordings(tmp_path, "1.wav", "2.wav")
    rows = ["audio,category", *(f"{number}.wav,angry" for number in range(1, 600)), "2.wav,sad", "1.wav,hapy"]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    out = tmp_path / "m.parquet"
    assert main(["prepare", "table", str(tmp_path / "t.csv"), "--out", str(out)]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("597 listed utterances have no audio in this folder")
    assert shown.count("there is no audio file") == 1
    listed = out.with_suffix(".problems.csv").read_text().splitlines()[1:]
    assert [line.partition(",")[0] for line in listed[:3]] == ["t.csv:601", "t.csv:602", "t.csv:10"]


def test_names_with_brackets_come_through(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recordings(tmp_path / "audio", "a[/b].wav", "take[final].wav")
    (tmp_path / "t.csv").write_text(
        "audio,category\na[/b].wav,anger\ntake[final].wav,fear\nno[/b].wav,fear\nx[/i].wav,[/z]\n"
    )
    out = tmp_path / "m[/x].parquet"
    arguments = ["prepare", "table", str(tmp_path / "t.csv"), "--out", str(out)]
    assert main([*arguments, "--options.audio_folder", str(tmp_path / "audio")]) == 1
    shown = capsys.readouterr().out
    assert "no[/b].wav" in shown
    assert "'[/z]'" in shown
    assert "m[/x].parquet" in shown
    assert Manifest.read(out).column("audio") == ["a[/b].wav", "take[final].wav"]


def test_a_table_of_its_own_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recordings(tmp_path, "1.wav", "2.wav", "3.wav")
    (tmp_path / "t.csv").write_text("audio,stress\n1.wav,Low\n2.wav,high\n3.wav,low\n")
    out = tmp_path / "m.parquet"
    arguments = ["prepare", "table", str(tmp_path / "t.csv"), "--out", str(out), "--options.columns.category", "stress"]
    assert main(arguments) == 2
    assert (
        "3 of 3 labels are no emotions that are known. Found: 'Low' (1), 'high' (1), 'low' (1)"
        in capsys.readouterr().err
    )
    assert main([*arguments, "--options.label_set", "own:low,high"]) == 0
    shown = capsys.readouterr().out
    assert shown.index("│ low") < shown.index("│ high")
    manifest = Manifest.read(out)
    assert manifest.metadata.label_set == "own:low,high"
    assert manifest.column("category") == ["low", "high", "low"]
