from collections import Counter
from pathlib import Path

import pytest

from tests.corpora.files import touch
from vibespeaker.corpora.tess import TESS
from vibespeaker.errors import CorpusError
from vibespeaker.labels import LABEL_SETS

#: Folder as published → emotion in its files' names.
FOLDERS = {
    "OAF_angry": "angry",
    "OAF_disgust": "disgust",
    "OAF_Fear": "fear",
    "OAF_happy": "happy",
    "OAF_neutral": "neutral",
    "OAF_Pleasant_surprise": "ps",
    "OAF_Sad": "sad",
    "YAF_angry": "angry",
    "YAF_disgust": "disgust",
    "YAF_fear": "fear",
    "YAF_happy": "happy",
    "YAF_neutral": "neutral",
    "YAF_pleasant_surprised": "ps",
    "YAF_sad": "sad",
}


def write_tess(root: Path, *words: str) -> Path:
    """The published folders; the word bite is misnamed in one of them, as published."""
    for folder, emotion in FOLDERS.items():
        for word in words:
            stem = f"{folder[:3]}_{word}_{emotion}"
            touch(root, f"{folder}/{ {'OAF_bite_neutral': 'OA_bite_neutral'}.get(stem, stem) }.wav")
    return root


def test_the_published_layout(tmp_path: Path) -> None:
    reading = TESS().read(write_tess(tmp_path, "back", "bite"))
    assert reading.problems == ()
    assert Counter(row.category for row in reading.utterances) == dict.fromkeys(LABEL_SETS["basic"].classes, 4)
    assert Counter(row.speaker for row in reading.utterances) == {"tess/OAF": 14, "tess/YAF": 14}
    assert {row.gender for row in reading.utterances} == {"female"}
    row = next(row for row in reading.utterances if row.file_name == "YAF_back_ps.wav")
    assert row.utterance_id == "tess/YAF_pleasant_surprised/YAF_back_ps"
    assert row.category == "surprise"
    assert row.text == "Say the word back"
    assert row.sentence == "tess/back"


@pytest.mark.parametrize("folder", ["OAF_neutral/", "oaf_Neutral/", ""])
def test_the_misnamed_file_belongs_to_the_older_speaker(tmp_path: Path, folder: str) -> None:
    (row,) = TESS().read(touch(tmp_path, f"{folder}OA_bite_neutral.wav")).utterances
    assert row.speaker == "tess/OAF"
    assert row.take == "tess/OAF_bite_neutral"
    assert row.file_name == "OA_bite_neutral.wav"


def test_a_folder_within_a_folder_of_the_same_name_is_one_corpus(tmp_path: Path) -> None:
    title = "TESS Toronto emotional speech set data"
    write_tess(tmp_path / title, "back")
    write_tess(tmp_path / title / title, "back")
    reading = TESS().read(tmp_path)
    assert len(reading.utterances) == 14
    assert all(row.audio.count(title) == 1 for row in reading.utterances)
    assert reading.problems == ()
    assert len(reading.warnings) == 14
    assert reading.warnings[0].startswith(f"1 files of folder {title}/{title}/OAF_Fear left out as further copies")


def test_other_spellings(tmp_path: Path) -> None:
    touch(tmp_path, "yaf_dog_FEAR.flac", "OAF_dog_pleasant_surprised.WAV")
    assert [(row.speaker, row.category) for row in TESS().read(tmp_path).utterances] == [
        ("tess/OAF", "surprise"),
        ("tess/YAF", "fear"),
    ]


def test_wrong_names_are_listed(tmp_path: Path) -> None:
    touch(tmp_path, "OAF_back_angry.wav", "MAF_back_angry.wav", "OAF_back_bored.wav", "OAF_back.wav")
    assert {problem.item: problem.reason for problem in TESS().read(tmp_path).problems} == {
        "MAF_back_angry.wav": "speaker 'maf' is none of oaf, yaf",
        "OAF_back_bored.wav": "emotion 'bored' is none of angry, disgust, fear, happy, neutral, ps, sad",
        "OAF_back.wav": "the name is not of the form OAF_back_angry",
    }
    with pytest.raises(CorpusError, match="holds no TESS audio"):
        TESS().read(touch(tmp_path / "other", "03a01Wa.wav"))


def test_published_counts_add_up() -> None:
    assert sum(TESS.expected_categories.values()) == TESS.expected_utterances == 2800


def test_folders_of_another_speaker_and_emotion_are_remarks(tmp_path: Path) -> None:
    touch(tmp_path, "YAF_Pleasant_surprised/OAF_back_sad.wav", "OAF_Sad/OAF_dog_sad.wav")
    assert [problem.reason for problem in TESS().read(tmp_path).problems] == [
        "its folder 'YAF_Pleasant_surprised' says speaker YAF, its name OAF: the name counts",
        "its folder 'YAF_Pleasant_surprised' says surprise, its name sadness: the name counts",
    ]
