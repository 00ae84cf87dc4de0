"""Utterances of single channels, and files and names that are left out of a manifest without ending the run."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.sounds import RATE, speech_like
from vibespeaker.cli.main import main
from vibespeaker.manifest import Manifest


def table(folder: Path, names: list[str]) -> Path:
    path = folder / "labels.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("audio", "speaker", "category"))
        rows.writerows((name, "s", "anger") for name in names)
    return path


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """A call with a speaker on each channel, and a recording of one channel."""
    soundfile.write(tmp_path / "call.wav", np.stack([speech_like(1.0), speech_like(1.0, 1)], axis=1), RATE)
    soundfile.write(tmp_path / "mono.wav", speech_like(1.0, 2), RATE)
    return table(tmp_path, ["call.wav", "mono.wav"])


def prepared(path: Path, *options: str) -> Manifest:
    out = path.with_name("m.parquet")
    main(["prepare", "table", str(path), "--out", str(out), *options])
    return Manifest.read(out)


def test_each_channel_is_an_utterance_with_a_speaker_of_its_own(calls: Path) -> None:
    made = prepared(calls, "--channels", "each")
    assert made.column("utterance_id") == ["table/call#ch1", "table/call#ch2", "table/mono"]
    assert made.column("channel") == [1, 2, None]
    assert made.column("speaker") == ["table/s#ch1", "table/s#ch2", "table/s"]
    assert len(set(made.column("audio_sha256"))) == 3
    assert len(set(made.column("recording_sha256"))) == 2
    assert made.metadata.history[0]["channels"] == "each"


def test_one_channel_is_taken_where_there_is_one(calls: Path) -> None:
    made = prepared(calls, "--channels", "2")
    assert made.column("utterance_id") == ["table/call#ch2"]
    assert made.column("speaker") == ["table/s"]
    assert 'table/mono#ch2,yes,"it has no channel 2, only 1"' in calls.with_name("m.problems.csv").read_text()
    assert "channels" not in prepared(calls).metadata.history[0]
    assert main(["prepare", "table", str(calls), "--channels", "0"]) == 2


def test_one_odd_file_ends_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    soundfile.write(folder / "a[b]:x:.wav", speech_like(1.0), RATE)
    soundfile.write(folder / "one\nanother.wav", speech_like(1.0, 1), RATE)
    soundfile.write(folder / "red\x1b[31m.wav", speech_like(1.0, 2), RATE)
    os.mkfifo(folder / "pipe.wav")
    (folder / "zero.wav").symlink_to("/dev/zero")
    soundfile.write(folder / "huge.wav", np.full(RATE, 1e30), RATE, subtype="DOUBLE")
    soundfile.write(folder / "slow.wav", np.zeros(5), 1)
    made = prepared(table(folder, sorted(os.listdir(folder))))
    assert made.column("audio") == ["a[b]:x:.wav"]
    with (folder / "m.problems.csv").open(newline="") as file:
        problems = {item: reason for item, _, reason in list(csv.reader(file))[1:]}
    assert problems == {
        "huge.wav": "it holds samples of 1e+30 times full scale: they are on no scale of audio",
        "one\\nanother.wav": "its name holds control characters or is no UTF-8: rename the file",
        "pipe.wav": "it is a named pipe, not a file",
        "red\\x1b[31m.wav": "its name holds control characters or is no UTF-8: rename the file",
        "slow.wav": "its sampling rate is 1 Hz, not 4,000 to 768,000 Hz",
        "zero.wav": "it is a device, not a file",
    }
