from pathlib import Path

import pytest

from tests.corpora.files import touch
from vibespeaker.corpora.cells import sentence_id
from vibespeaker.corpora.lookup import AudioLookup


def test_a_path_as_named_comes_first(tmp_path: Path) -> None:
    audio = AudioLookup(touch(tmp_path, "a/x.wav", "b/x.wav", "b/x.flac", "clips/y.mp3"))
    assert audio.find("b/x.flac") == "b/x.flac"
    assert audio.find("x.wav", "a") == "a/x.wav"
    assert audio.find("a\\x.wav") == "a/x.wav"
    assert audio.find("y.mp3", "clips") == "clips/y.mp3"


def test_folder_suffix_and_case_may_differ(tmp_path: Path) -> None:
    audio = AudioLookup(touch(tmp_path, "clips/One.MP3", "clips/one.flac.txt", "deep/er/two.flac", "deep/er/two.wav"))
    assert audio.find("one") == "clips/One.MP3"
    assert audio.find("/home/me/corpus/clips/one.wav") == "clips/One.MP3"
    assert audio.find("two.mp3") == "deep/er/two.wav"
    assert len(audio) == 3
    assert audio.unused() == []


def test_another_folder_is_another_file(tmp_path: Path) -> None:
    audio = AudioLookup(touch(tmp_path, "anna/001.wav", "bert/001.wav", "flat.wav"))
    assert audio.find("data/bert/001.wav") == "bert/001.wav"
    assert audio.find("clips/flat.wav") == "flat.wav"
    with pytest.raises(ValueError, match=r"there is no audio file carl/001\.wav"):
        audio.find("carl/001.wav")


def test_a_name_with_a_dot_is_no_suffix(tmp_path: Path) -> None:
    audio = AudioLookup(touch(tmp_path, "take.1.wav", "take.2.wav"))
    assert audio.find("take.2") == "take.2.wav"
    assert audio.unused() == ["take.1.wav"]


def test_what_is_not_there_or_not_clear_is_refused(tmp_path: Path) -> None:
    audio = AudioLookup(touch(tmp_path, "a/x.wav", "b/x.wav"))
    with pytest.raises(ValueError, match=r"several audio files may be x: a/x\.wav, b/x\.wav"):
        audio.find("x")
    # the folder tells, though the suffix is another
    assert audio.find("x.flac", "b") == "b/x.wav"
    with pytest.raises(ValueError, match=r"there is no audio file z\.wav"):
        audio.find("z.wav")


def test_the_same_words_are_the_same_sentence() -> None:
    assert sentence_id("nemo", "Cześć, Ola!") == sentence_id("nemo", "cześć ola")
    assert sentence_id("nemo", "cześć ola") != sentence_id("nemo", "czesc ola")
    assert sentence_id("nemo", "cześć ola") != sentence_id("meld", "cześć ola")
