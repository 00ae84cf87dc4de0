"""Segments of recordings from a table to samples: each row is an utterance of its own."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.prepare.test_terminal import recordings
from vibespeaker.audio.recordings import Recordings
from vibespeaker.cli.main import main
from vibespeaker.manifest import Manifest

ROWS = (
    *("a.wav;0;0,08;angry", "a.wav;0:00.08;0,2;sad", "a.wav;0,15;;happy"),
    *("a.wav;0,1;0,1;sad", "a.wav;-1;1;sad", "a.wav;nan;1;sad", "a.wav;0,1;7;sad", "a.wav;3;4;sad", "a.wav;0;0.08;joy"),
    "b.wav;;;neutral",
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two recordings of 0.2 s, one at 8 kHz, and a table of segments."""
    recordings(tmp_path, "b.wav")
    soundfile.write(tmp_path / "a.wav", np.linspace(-0.5, 0.5, 1_600), 8_000, subtype="PCM_16")
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["audio;start;end;category", *ROWS]))
    return path


def test_a_row_is_an_utterance_of_its_segment_bounds(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.parquet"
    assert main(["prepare", "table", str(table), "--out", str(out), "--min-duration", "0.01"]) == 1
    manifest = Manifest.read(out)
    names = ["a#0.000-0.080", "a#0.080-0.200", "a#0.150-end", "b"]
    assert manifest.column("utterance_id") == [f"table/{name}" for name in names]
    assert manifest.column("category") == ["anger", "sadness", "happiness", "neutral"]
    assert manifest.column("start") == [0.0, 0.08, 0.15, None]
    assert manifest.column("end") == [0.08, 0.2, None, None]
    assert manifest.column("duration") == pytest.approx([0.08, 0.12, 0.05, 0.2])
    whole = hashlib.sha256((tmp_path / "a.wav").read_bytes()).hexdigest()
    assert manifest.column("recording_sha256")[:3] == [whole] * 3
    assert len(set(manifest.column("audio_sha256"))) == 4
    assert whole not in manifest.column("audio_sha256")
    read = [Recordings(manifest).read(row) for row in range(3)]
    assert [len(samples) for samples in read] == [1_280, 1_920, 800]
    assert read[1].mean() == pytest.approx(0.2, abs=0.01)


def test_impossible_segments_are_named_with_their_line(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.parquet"
    assert main(["prepare", "table", str(table), "--out", str(out), "--min-duration", "0.01"]) == 1
    lines = out.with_suffix(".problems.csv").read_text().splitlines()[1:]
    assert sorted(lines, key=lambda line: int(line.split(":")[1].split(",")[0])) == [
        "t.csv:4,no,its segment of a.wav overlaps with that of t.csv:3: both are kept",
        't.csv:5,yes,"the segment ends at 0.1 s, not behind its start at 0.1 s"',
        "t.csv:6,yes,start -1 is negative",
        "t.csv:7,yes,start 'nan' is no time",
        't.csv:8,yes,"the segment ends at 7 s, a.wav at 0.2 s"',
        "t.csv:9,yes,it holds no samples between 3 s and its end",
        "t.csv:10,yes,a.wav#0.000-0.080 was listed before: the first row is used",
    ]


def test_segments_of_a_recording_go_to_one_split(tmp_path: Path) -> None:
    recordings(tmp_path, *(f"{name}.wav" for name in "abcdef"))
    rows = [f"{name}.wav,{times},{name}{times[0:3]}" for name in "abcdef" for times in ("0.0,0.1", "0.1,0.2")]
    (tmp_path / "t.csv").write_text("\n".join(["audio,start,end,speaker", *rows]))
    out = tmp_path / "m.parquet"
    arguments = ["prepare", "table", str(tmp_path / "t.csv"), "--out", str(out), "--split", "speakers"]
    assert main([*arguments, "--min-duration", "0.05"]) == 0
    frame = Manifest.read(out).frame(["recording_sha256", "split"])
    assert (frame.groupby("recording_sha256")["split"].nunique() == 1).all()
    assert frame["split"].nunique() == 3
    assert main(["check", str(out)]) == 0
