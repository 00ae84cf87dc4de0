"""A folder for each emotion, with speakers and splits above or below, or none."""

from pathlib import Path

import pytest

from tests.corpora.files import touch
from vibespeaker.corpora import adapter
from vibespeaker.corpora.base import CorpusReading
from vibespeaker.errors import CorpusError


def read(root: Path, *names: str, **options: object) -> CorpusReading:
    return adapter("folder", options).read(touch(root, *names))


def test_folders_are_labels_whatever_their_spelling(tmp_path: Path) -> None:
    names = (
        "all/Angry/1.wav",
        "all/05_sad/1.wav",
        "all/Pleasant_Surprise/1.flac",
        "all/NEUTRAL/1.wav",
        "all/joy/1.wav",
    )
    reading = read(tmp_path, *names)
    assert [row.category for row in reading.utterances] == ["sadness", "anger", "neutral", "surprise", "happiness"]
    assert reading.utterances[0].utterance_id == "folder/all/05_sad/1"
    assert reading.label_set == "anger,sadness,happiness,surprise,neutral"
    assert {row.speaker for row in reading.utterances} >= {"folder/unknown/all/joy/1"}
    assert reading.warnings == ("5 recordings lie in no speaker's folder: each counts as a speaker of its own",)
    assert reading.problems == ()


def test_speakers_above_or_below_and_splits(tmp_path: Path) -> None:
    reading = read(tmp_path, "train/anna/happy/1.wav", "train/sad/bert/1.wav", "dev/sad/bert/2.wav", language="ro")
    assert [(row.split, row.category, row.speaker, row.language) for row in reading.utterances] == [
        ("development", "sadness", "folder/bert", "ro"),
        ("train", "happiness", "folder/anna", "ro"),
        ("train", "sadness", "folder/bert", "ro"),
    ]
    reading = adapter("folder", {"speakers": "no"}).read(tmp_path)
    assert all("/unknown/" in row.speaker for row in reading.utterances)


def test_folders_that_name_no_emotion(tmp_path: Path) -> None:
    names = ("angry/1.wav", "angry/2.wav", "notes/1.wav", "stray.wav")
    reading = read(tmp_path, *names)
    assert {problem.item: problem.reason for problem in reading.problems} == {
        "notes/1.wav": "label 'notes' is no emotion that is known",
        "stray.wav": "it lies in no folder of an emotion",
    }
    mapped = adapter("folder", {"emotions": {"Notes": "neutral"}, "corpus": "mine"}).read(tmp_path)
    assert [row.category for row in mapped.utterances] == ["anger", "anger", "neutral"]
    assert mapped.utterances[0].utterance_id == "mine/angry/1"
    with pytest.raises(CorpusError, match=r"3 of 3 labels are no emotions that are known\. Found: 'wut' \(2\), 'ruhe'"):
        read(tmp_path / "german", "wut/1.wav", "wut/2.wav", "ruhe/1.wav")
    with pytest.raises(CorpusError, match=r"no recordings in folders of emotions\. Found: no audio file"):
        read(tmp_path / "empty", "angry/notes.txt")


def test_classes_of_ones_own(tmp_path: Path) -> None:
    reading = read(tmp_path, "all/low/anna/1.wav", "all/high/anna/1.wav", label_set="own:low,high")
    assert [(row.category, row.speaker) for row in reading.utterances] == [
        ("high", "folder/anna"),
        ("low", "folder/anna"),
    ]
    assert reading.label_set == "own:low,high"


def test_the_same_recording_in_two_formats_counts_once(tmp_path: Path) -> None:
    reading = read(tmp_path, "sad/1.wav", "sad/1.mp3", "angry/1.wav")
    assert [row.audio for row in reading.utterances] == ["angry/1.wav", "sad/1.wav"]
    assert "1 files of folder sad left out as further copies, the first sad/1.mp3" in reading.warnings
