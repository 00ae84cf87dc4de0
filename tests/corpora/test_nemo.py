from pathlib import Path

import pytest

from tests.corpora.files import touch
from vibespeaker.corpora.nemo import NEMO
from vibespeaker.errors import CorpusError
from vibespeaker.labels import LABEL_SETS

HEADER = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage"


def write_nemo(root: Path, *rows: str, header: str = HEADER) -> Path:
    """`data.tsv` and `samples/`; rows of file id, emotion, raw and normalised text, speaker (with blanks), gender."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "data.tsv").write_text("\n".join([header, *(row.replace("|", "\t") for row in rows)]) + "\n")
    return touch(root, *(f"samples/{row.split('|')[0]}.wav" for row in rows))


ROW = 'WR0_surprised_64|surprised|Cześć, "Ola"!|cześć ola|  WR0|female|28'


def test_a_row_with_its_blanks(tmp_path: Path) -> None:
    reading = NEMO().read(write_nemo(tmp_path, ROW))
    assert reading.problems == ()
    (row,) = reading.utterances
    assert row.utterance_id == "nemo/samples/WR0_surprised_64"
    assert row.speaker == "nemo/WR0"
    assert row.gender == "female"
    assert row.category == "surprise"
    assert (row.text, row.text_origin) == ('Cześć, "Ola"!', "script")
    assert row.language == "pl"


def test_emotions_and_shared_sentences(tmp_path: Path) -> None:
    emotions = ("anger", "fear", "happiness", "neutral", "sadness", "surprised")
    write_nemo(tmp_path, *(f"AO1_{emotion}_1|{emotion}|Tak!|tak| AO1|male|40" for emotion in emotions))
    rows = NEMO().read(tmp_path).utterances
    assert [row.category for row in rows] == [*emotions[:5], "surprise"]
    assert {row.category for row in rows} == set(LABEL_SETS[NEMO.label_set].classes)
    assert len({row.sentence for row in rows}) == 1
    assert sum(NEMO.expected_categories.values()) == NEMO.expected_utterances == 4481


def test_a_flat_copy_in_flac(tmp_path: Path) -> None:
    write_nemo(tmp_path / "nEMO", ROW)
    (tmp_path / "nEMO" / "samples" / "WR0_surprised_64.wav").rename(tmp_path / "nEMO" / "WR0_surprised_64.flac")
    assert [row.audio for row in NEMO().read(tmp_path).utterances] == ["nEMO/WR0_surprised_64.flac"]


def test_wrong_rows_and_files_are_named(tmp_path: Path) -> None:
    rows = ("WR0_calm_1|calm|A|a|WR0|female|28", "WR0_fear_2|fear|A|a| |female|28", ROW)
    write_nemo(tmp_path, ROW, *rows)
    with (tmp_path / "data.tsv").open("a") as file:
        file.write("gone\tfear\tA\ta\tWR0\tfemale\t28\n")
    touch(tmp_path, "samples/extra.wav")
    reading = NEMO().read(tmp_path)
    assert len(reading.utterances) == 1
    assert [(problem.item, problem.reason) for problem in reading.problems] == [
        ("data.tsv:3", "emotion 'calm' is none of anger, fear, happiness, neutral, sadness, surprised, surprise"),
        ("data.tsv:4", "WR0_fear_2 has no speaker"),
        ("data.tsv:5", "WR0_surprised_64 was listed before: the first row is used"),
        ("data.tsv:6", "there is no audio file gone"),
        ("samples/extra.wav", "no row of data.tsv names it"),
    ]


def test_an_incomplete_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"holds no data\.tsv\. Remedy: give the folder"):
        NEMO().read(tmp_path)
    write_nemo(tmp_path, ROW, header=HEADER.replace("emotion", "mood"))
    with pytest.raises(CorpusError, match="lacks the columns emotion"):
        NEMO().read(tmp_path)
    write_nemo(tmp_path, ROW)
    (tmp_path / "samples" / "WR0_surprised_64.wav").unlink()
    with pytest.raises(CorpusError, match=r"no audio that data\.tsv names\. Found: 0 audio files"):
        NEMO().read(tmp_path)
