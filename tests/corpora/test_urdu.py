from pathlib import Path

import pytest

from tests.corpora.files import touch
from vibespeaker.corpora.urdu import URDU
from vibespeaker.errors import CorpusError
from vibespeaker.labels import LABEL_SETS


def test_the_published_layout(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "Neutral/SM20_F8_N012.wav",
        "Angry/SM1_F01_A01.wav",
        "Happy/SF6_F3_H027.wav",
        "Sad/SF13_F10_S100.wav",
    )
    reading = URDU().read(tmp_path)
    assert reading.problems == ()
    assert [(row.category, row.speaker, row.gender) for row in reading.utterances] == [
        ("anger", "urdu/SM1", "male"),
        ("happiness", "urdu/SF6", "female"),
        ("neutral", "urdu/SM20", "male"),
        ("sadness", "urdu/SF13", "female"),
    ]
    assert {row.category for row in reading.utterances} == set(LABEL_SETS[URDU.label_set].classes)
    assert reading.utterances[2].utterance_id == "urdu/Neutral/SM20_F8_N012"
    assert {(row.language, row.text, row.sentence) for row in reading.utterances} == {("ur", None, None)}
    assert sum(URDU.expected_categories.values()) == URDU.expected_utterances == 400


def test_flat_folders_flac_and_lower_case(tmp_path: Path) -> None:
    (row,) = URDU().read(touch(tmp_path, "sm20_f8_n012.flac")).utterances
    assert row.speaker == "urdu/SM20"
    assert row.take == "urdu/SM20_F8_N012"


def test_wrong_names_are_listed(tmp_path: Path) -> None:
    touch(tmp_path, "SM20_F8_N012.wav", "SM20_F8_X012.wav", "S20_F8_N012.wav")
    assert {problem.item: problem.reason for problem in URDU().read(tmp_path).problems} == {
        "SM20_F8_X012.wav": "emotion 'X' is none of A, H, N, S",
        "S20_F8_N012.wav": "the name is not of the form SM20_F8_N012",
    }
    with pytest.raises(CorpusError, match=r"holds no URDU audio.*Neutral/SM20_F8_N012\.wav"):
        URDU().read(touch(tmp_path / "other", "03a01Wa.wav"))


def test_a_folder_of_another_emotion_is_a_remark(tmp_path: Path) -> None:
    touch(tmp_path, "Angry/SM20_F8_N013.wav", "Happy/SM20_F8_H013.wav", "data/sad/SM20_F8_S013.wav")
    reading = URDU().read(tmp_path)
    assert [row.category for row in reading.utterances] == ["neutral", "happiness", "sadness"]
    assert [(problem.item, problem.reason, problem.dropped) for problem in reading.problems] == [
        ("Angry/SM20_F8_N013.wav", "its folder 'Angry' says anger, its name neutral: the name counts", False)
    ]
