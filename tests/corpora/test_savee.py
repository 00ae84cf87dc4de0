from collections import Counter
from pathlib import Path

import pytest

from tests.corpora.files import touch
from vibespeaker.corpora.savee import SAVEE
from vibespeaker.errors import CorpusError
from vibespeaker.labels import LABEL_SETS


def published_names() -> list[str]:
    numbers = {"n": 30}
    return [
        f"{speaker}/{code}{number:02d}"
        for speaker in ("DC", "JE", "JK", "KL")
        for code in ("a", "d", "f", "h", "n", "sa", "su")
        for number in range(1, numbers.get(code, 15) + 1)
    ]


def write_savee(root: Path, flat: bool = False) -> Path:
    """The whole corpus: `AudioData/JE/n23.wav` as published, or `JE_n23.wav` as most copies have it."""
    names = (name.replace("/", "_") if flat else f"AudioData/{name}" for name in published_names())
    return touch(root, *(f"{name}.wav" for name in names))


@pytest.mark.parametrize("flat", [False, True])
def test_both_layouts_give_the_same_utterances(tmp_path: Path, flat: bool) -> None:
    reading = SAVEE().read(write_savee(tmp_path, flat))
    assert reading.problems == ()
    assert reading.warnings == ()
    assert len(reading.utterances) == SAVEE.expected_utterances
    assert Counter(row.category for row in reading.utterances) == SAVEE.expected_categories
    assert Counter(row.speaker for row in reading.utterances) == {f"savee/{s}": 120 for s in ("DC", "JE", "JK", "KL")}
    assert {row.category for row in reading.utterances} == set(LABEL_SETS[SAVEE.label_set].classes)
    by_take = {row.take: row for row in reading.utterances}
    sad = by_take["savee/KL_sa15"]
    assert sad.category == "sadness"
    assert sad.file_name == ("KL_sa15.wav" if flat else "sa15.wav")
    assert sad.utterance_id == ("savee/KL_sa15" if flat else "savee/AudioData/KL/sa15")
    assert by_take["savee/KL_su01"].category == "surprise"
    assert {row.gender for row in reading.utterances} == {"male"}


def test_three_sentences_are_common_to_all_emotions(tmp_path: Path) -> None:
    rows = SAVEE().read(write_savee(tmp_path)).utterances
    spoken = Counter(row.sentence for row in rows)
    # four speakers in seven emotions
    assert [spoken[f"savee/common{number:02d}"] for number in (1, 2, 3)] == [28, 28, 28]
    assert spoken["savee/a04"] == spoken["savee/n30"] == 4
    assert "savee/common04" not in spoken


def test_both_layouts_in_one_folder_are_one_corpus(tmp_path: Path) -> None:
    touch(tmp_path, "AudioData/DC/a01.wav", "ALL/DC_a01.wav", "ALL/dc_A02.FLAC")
    reading = SAVEE().read(tmp_path)
    assert [row.audio for row in reading.utterances] == ["ALL/DC_a01.wav", "ALL/dc_A02.FLAC"]
    assert reading.warnings == (
        "1 files of folder AudioData/DC left out as further copies, the first AudioData/DC/a01.wav",
    )


def test_wrong_names_are_listed(tmp_path: Path) -> None:
    touch(tmp_path, "JE_n30.wav", "JE_a16.wav", "JE_n00.wav", "JX_a01.wav", "JE_b01.wav", "a01.wav", "JE_sa1.wav")
    reading = SAVEE().read(tmp_path)
    assert [row.file_name for row in reading.utterances] == ["JE_n30.wav"]
    reasons = {problem.item: problem.reason for problem in reading.problems}
    assert reasons == {
        "JE_a16.wav": "number 16 of anger lies outside 1 to 15",
        "JE_n00.wav": "number 0 of neutral lies outside 1 to 30",
        "JX_a01.wav": "speaker 'JX' is none of DC, JE, JK, KL",
        "a01.wav": "speaker '' is none of DC, JE, JK, KL",
        "JE_b01.wav": "the name is not of the form JE_n23 or n23",
        "JE_sa1.wav": "the name is not of the form JE_n23 or n23",
    }
    with pytest.raises(CorpusError, match="holds no SAVEE audio"):
        SAVEE().read(touch(tmp_path / "other", "03a01Wa.wav"))
