from pathlib import Path

import pytest

from tests.corpora.files import touch
from vibespeaker.corpora.base import Problem
from vibespeaker.corpora.crema_d import CREMAD
from vibespeaker.errors import CorpusError
from vibespeaker.labels import LABEL_SETS
from vibespeaker.utterance import Vote

COLUMNS = (
    '"","localid","pos","ans","ttr","queryType","numTries","clipNum","questNum","subType","clipName","sessionNums",'
    '"respEmo","respLevel","dispEmo","dispVal","dispLevel"'
)


def write_crema_d(root: Path, *stems: str, answers: tuple[str, ...] = ()) -> Path:
    """The repository's layout: `AudioWAV/` and, with answers (rater, query type, clip, letter), the table of them."""
    touch(root, *(f"AudioWAV/{stem}.wav" for stem in stems))
    if answers:
        rows = [
            f'"{number}","{rater}",1,"{letter}_60",3000,{query},0,9,1,4,"{clip}",1,"{letter}",60,"A","HI",80'
            for number, (rater, query, clip, letter) in enumerate(answer.split() for answer in answers)
        ]
        (root / "finishedResponses.csv").write_text("\n".join([COLUMNS, *rows]) + "\n")
    return root


def test_every_field_of_the_name_is_read(tmp_path: Path) -> None:
    (utterance,) = CREMAD().read(write_crema_d(tmp_path, "1002_ITH_DIS_HI")).utterances
    assert utterance.utterance_id == "crema-d/AudioWAV/1002_ITH_DIS_HI"
    assert utterance.audio == "AudioWAV/1002_ITH_DIS_HI.wav"
    assert utterance.speaker == "crema-d/1002"
    assert utterance.gender == "female"
    assert utterance.category == "disgust"
    assert utterance.intensity == "high"
    assert utterance.text == "I think I have a doctor's appointment"
    assert utterance.text_origin == "script"
    assert utterance.sentence == "crema-d/ITH"
    assert utterance.language == "en"
    assert utterance.votes == ()
    assert utterance.split is None


def test_emotions_levels_sentences_and_genders(tmp_path: Path) -> None:
    letters = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
    write_crema_d(tmp_path, *(f"1001_IEO_{letter}_XX" for letter in letters))
    write_crema_d(tmp_path, "1003_IEO_ANG_LO", "1003_IEO_ANG_MD", "1091_WSI_SAD_XX")
    rows = CREMAD().read(tmp_path).utterances
    by_letter = {row.file_name[9:12]: row.category for row in rows if row.speaker == "crema-d/1001"}
    assert [by_letter[letter] for letter in letters] == ["anger", "disgust", "fear", "happiness", "neutral", "sadness"]
    assert set(by_letter.values()) == set(LABEL_SETS[CREMAD.label_set].classes)
    assert {row.file_name[13:15]: row.intensity for row in rows} == {"LO": "low", "MD": "medium", "XX": None}
    assert {row.speaker[-4:]: row.gender for row in rows} == {"1001": "male", "1003": "female", "1091": "female"}
    assert rows[-1].text == "We'll stop in a couple of minutes"


def test_the_misnamed_file_is_an_utterance_like_the_others(tmp_path: Path) -> None:
    write_crema_d(tmp_path, "1040_ITH_SAD_X", answers=("7 1 1040_ITH_SAD_XX N",))
    reading = CREMAD().read(tmp_path)
    assert reading.problems == ()
    assert reading.utterances[0].file_name == "1040_ITH_SAD_X.wav"
    assert reading.utterances[0].intensity is None
    assert reading.utterances[0].votes == (Vote("7", "neutral"),)


def test_answers_to_the_voice_alone_are_votes(tmp_path: Path) -> None:
    answers = (
        "11 1 1001_IEO_ANG_HI A",
        "12 1 1001_IEO_ANG_HI D",
        "13 2 1001_IEO_ANG_HI H",
        "14 3 1001_IEO_ANG_HI F",
        "15 1 1001_IEO_ANG_HI Q",
        "16 1 oops A",
        "17 1 1001_TIE_NEU_XX S",
    )
    reading = CREMAD().read(write_crema_d(tmp_path, "1001_IEO_ANG_HI", "1001_TIE_NEU_XX", answers=answers))
    assert [row.votes for row in reading.utterances] == [
        (Vote("11", "anger"), Vote("12", "disgust")),
        (Vote("17", "sadness"),),
    ]
    assert reading.problems == (
        Problem("finishedResponses.csv:6", "clip 1001_IEO_ANG_HI: respEmo 'Q' is none of A, D, F, H, N, S"),
        Problem("finishedResponses.csv:7", "clip oops: the name is not of the form 1001_IEO_ANG_HI"),
    )


def test_a_table_of_answers_without_a_column_is_refused(tmp_path: Path) -> None:
    write_crema_d(tmp_path, "1001_IEO_ANG_HI")
    (tmp_path / "finishedResponses.csv").write_text("localid,clipName,respEmo\n")
    with pytest.raises(CorpusError, match=r"finishedResponses\.csv lacks the columns queryType"):
        CREMAD().read(tmp_path)


def test_the_folder_of_mp3_is_a_copy(tmp_path: Path) -> None:
    write_crema_d(tmp_path, "1001_IEO_ANG_HI")
    touch(tmp_path, "AudioMP3/1001_IEO_ANG_HI.mp3", "AudioMP3/1001_IEO_ANG_LO.mp3")
    reading = CREMAD().read(tmp_path)
    assert [row.audio for row in reading.utterances] == [
        "AudioMP3/1001_IEO_ANG_LO.mp3",
        "AudioWAV/1001_IEO_ANG_HI.wav",
    ]
    assert reading.problems == ()
    assert reading.warnings == (
        "1 files of folder AudioMP3 left out as further copies, the first AudioMP3/1001_IEO_ANG_HI.mp3",
    )


def test_flat_folders_lower_case_and_flac(tmp_path: Path) -> None:
    touch(tmp_path, "1001_ieo_ang_hi.flac", "1001_IEO_ANG_LO.WAV")
    assert [row.take for row in CREMAD().read(tmp_path).utterances] == [
        "crema-d/1001_IEO_ANG_LO",
        "crema-d/1001_IEO_ANG_HI",
    ]


def test_wrong_names_are_listed_with_what_is_wrong(tmp_path: Path) -> None:
    write_crema_d(tmp_path, "1001_IEO_ANG_HI", "1092_IEO_ANG_HI", "1001_IEO_BOR_HI", "1001_XXX_ANG_HI", "notes")
    assert {problem.item[9:]: problem.reason for problem in CREMAD().read(tmp_path).problems} == {
        "1092_IEO_ANG_HI.wav": "actor 1092 lies outside 1001 to 1091",
        "1001_IEO_BOR_HI.wav": "emotion 'BOR' is none of ANG, DIS, FEA, HAP, NEU, SAD",
        "1001_XXX_ANG_HI.wav": "sentence 'XXX' is none of IEO, TIE, IOM, IWW, TAI, MTI, IWL, ITH, DFA, ITS, TSI, WSI",
        "notes.wav": "the name is not of the form 1001_IEO_ANG_HI",
    }
    with pytest.raises(CorpusError, match=r"holds no CREMA-D audio\. Found: no file\. Allowed: names such as AudioWAV"):
        CREMAD().read(touch(tmp_path / "empty", "readme.txt"))


def test_published_counts_add_up() -> None:
    assert sum(CREMAD.expected_categories.values()) == CREMAD.expected_utterances == 7442
