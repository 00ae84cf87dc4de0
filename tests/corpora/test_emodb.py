from pathlib import Path

import pytest

from tests.corpora.files import touch
from vibespeaker.corpora.emodb import EmoDB
from vibespeaker.errors import CorpusError
from vibespeaker.labels import LABEL_SETS


def test_every_part_of_the_name_is_read(tmp_path: Path) -> None:
    touch(tmp_path / "wav", "03a01Wa.wav")
    (utterance,) = EmoDB().read(tmp_path).utterances
    assert utterance.utterance_id == "emodb/wav/03a01Wa"
    assert utterance.file_name == "03a01Wa.wav"
    assert utterance.speaker == "emodb/03"
    assert utterance.gender == "male"
    assert utterance.category == "anger"
    assert utterance.text == "Der Lappen liegt auf dem Eisschrank."
    assert utterance.text_origin == "script"
    assert utterance.sentence == "emodb/a01"
    assert utterance.language == "de"
    assert utterance.split is None


def test_german_letters_and_genders(tmp_path: Path) -> None:
    letters = "WLEAFTN"
    touch(tmp_path, *(f"16b10{letter}b.wav" for letter in letters))
    by_letter = {row.file_name[5]: row.category for row in EmoDB().read(tmp_path).utterances}
    expected = ["anger", "boredom", "disgust", "fear", "happiness", "sadness", "neutral"]
    assert [by_letter[letter] for letter in letters] == expected
    assert set(expected) == set(LABEL_SETS[EmoDB.label_set].classes)
    speakers = ["03", "08", "09", "10", "11", "12", "13", "14", "15", "16"]
    touch(tmp_path / "all", *(f"{speaker}a02Na.wav" for speaker in speakers))
    genders = {row.speaker[-2:]: row.gender for row in EmoDB().read(tmp_path / "all").utterances}
    assert {speaker for speaker, gender in genders.items() if gender == "male"} == {"03", "10", "11", "12", "15"}


def test_wrong_names_are_listed(tmp_path: Path) -> None:
    touch(tmp_path, "03a01Wa.wav", "04a01Wa.wav", "03a03Wa.wav", "03a01Xa.wav", "03a01W.wav", "erkennung.txt")
    reading = EmoDB().read(tmp_path)
    assert len(reading.utterances) == 1
    assert {problem.item: problem.reason[:24] for problem in reading.problems} == {
        "04a01Wa.wav": "speaker '04' is none of ",
        "03a03Wa.wav": "text 'a03' is none of a0",
        "03a01Xa.wav": "emotion 'X' is none of W",
        "03a01W.wav": "the name is not of the f",
    }


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"holds no EmoDB audio.*wav/03a01Wa\.wav"):
        EmoDB().read(tmp_path)


def test_real_recordings(shared_data: Path) -> None:
    reading = EmoDB().read(shared_data / "emodb")
    assert len(reading.utterances) == EmoDB.expected_utterances == 535
    assert reading.problems == ()
    counts: dict[str | None, int] = {}
    for row in reading.utterances:
        counts[row.category] = counts.get(row.category, 0) + 1
    assert counts == {
        "anger": 127,
        "boredom": 81,
        "neutral": 79,
        "happiness": 71,
        "fear": 69,
        "sadness": 62,
        "disgust": 46,
    }
    assert len({row.sentence for row in reading.utterances}) == 10
