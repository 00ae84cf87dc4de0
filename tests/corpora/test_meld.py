from collections import Counter
from pathlib import Path

import pytest

from tests.corpora.files import touch
from tests.recordings import write_noise
from vibespeaker.cli.main import main
from vibespeaker.corpora import adapter
from vibespeaker.corpora.base import Problem
from vibespeaker.corpora.meld import MELD
from vibespeaker.errors import CorpusError
from vibespeaker.labels import LABEL_SETS
from vibespeaker.manifest import Manifest

HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
ROWS = {
    "train": ('"Oh, you’re a ""genius""!",Chandler,joy,positive,0,0', "What?,Monica,surprise,negative,0,1"),
    "dev": ("No.,Rachel,neutral,neutral,0,0",),
    "test": ("Why do all you’re coffee mugs have numbers?,Mark,surprise,positive,0,0",),
}
FOLDERS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}


def write_meld(root: Path, rows: dict[str, tuple[str, ...]] = ROWS, suffix: str | None = None) -> Path:
    """Three tables whose numbers repeat and, with a suffix, the media in the folders of the three archives."""
    root.mkdir(parents=True, exist_ok=True)
    for split, lines in rows.items():
        numbered = [f'{number},{line},8,21,"00:16:16,059","00:16:21,731"' for number, line in enumerate(lines, 1)]
        (root / f"{split}_sent_emo.csv").write_text("\n".join([HEADER, *numbered]) + "\n")
        if suffix is not None:
            names = [f"dia{line.split(',')[-2]}_utt{line.split(',')[-1]}" for line in lines]
            touch(root, *(f"{FOLDERS[split]}/{name}{suffix}" for name in names))
    return root


def test_texts_alone(tmp_path: Path) -> None:
    reading = MELD().read(write_meld(tmp_path))
    assert reading.problems == ()
    assert reading.warnings == ("no sound: the utterances are texts alone, for text encoders",)
    assert [row.utterance_id for row in reading.utterances] == [
        "meld/dev/dia0_utt0",
        "meld/test/dia0_utt0",
        "meld/train/dia0_utt0",
        "meld/train/dia0_utt1",
    ]
    row = reading.utterances[2]
    assert row.audio == ""
    assert row.file_name == "dia0_utt0.mp4"
    assert (row.text, row.text_origin) == ('Oh, you’re a "genius"!', "human")
    assert row.category == "happiness"
    assert row.speaker == "meld/Chandler"
    assert row.gender == "male"
    assert row.session == "meld/train/dia0"
    assert [row.split for row in reading.utterances] == ["development", "test", "train", "train"]
    assert [row.gender for row in reading.utterances] == ["female", None, "male", "female"]


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".WAV"])
def test_with_sound_the_identifiers_stay(tmp_path: Path, suffix: str) -> None:
    reading = MELD().read(write_meld(tmp_path, suffix=suffix))
    assert reading.problems == ()
    assert reading.warnings == ()
    assert {row.utterance_id: row.audio for row in reading.utterances} == {
        "meld/dev/dia0_utt0": f"dev_splits_complete/dia0_utt0{suffix}",
        "meld/test/dia0_utt0": f"output_repeated_splits_test/dia0_utt0{suffix}",
        "meld/train/dia0_utt0": f"train_splits/dia0_utt0{suffix}",
        "meld/train/dia0_utt1": f"train_splits/dia0_utt1{suffix}",
    }
    texts_alone = adapter("meld", {"media": "without"}).read(tmp_path)
    assert {row.audio for row in texts_alone.utterances} == {""}
    assert texts_alone.warnings == ()


def test_films_are_no_sound(tmp_path: Path) -> None:
    write_meld(tmp_path, suffix=".mp4")
    (warning,) = MELD().read(tmp_path).warnings
    assert "the sound of 4 films can be used when extracted: ffmpeg -i dia0_utt0.mp4" in warning
    with pytest.raises(CorpusError, match=r"no sound of MELD\. Remedy: extract it from the films: ffmpeg"):
        adapter("meld", {"media": "with"}).read(tmp_path)
    # one extracted film: those without sound are left out
    touch(tmp_path, "train_splits/dia0_utt1.wav")
    reading = MELD().read(tmp_path)
    assert [row.utterance_id for row in reading.utterances] == ["meld/train/dia0_utt1"]
    assert reading.problems == (
        Problem("dev_sent_emo.csv:2", "there is no sound of dev/dia0_utt0", absent=True),
        Problem("test_sent_emo.csv:2", "there is no sound of test/dia0_utt0", absent=True),
        Problem("train_sent_emo.csv:2", "there is no sound of train/dia0_utt0", absent=True),
    )


def test_other_layouts(tmp_path: Path) -> None:
    write_meld(tmp_path / "MELD.Raw")
    touch(tmp_path, "audio/train_dia0_utt0.wav", "audio/dia0_utt1.wav", "MELD.Raw/test/wav/dia0_utt0.wav")
    touch(tmp_path, "MELD.Raw/test/final_videos_testdia0_utt0.wav", "MELD.Raw/test/wav/copy/dia0_utt0.wav")
    touch(tmp_path, "train_splits/dia9_utt9.wav", "train_splits/dia0_utt1.flac", "train_splits/dia0_utt1.wav")
    reading = MELD().read(tmp_path)
    assert {row.utterance_id: row.audio for row in reading.utterances} == {
        "meld/test/dia0_utt0": "MELD.Raw/test/wav/dia0_utt0.wav",
        "meld/train/dia0_utt0": "audio/train_dia0_utt0.wav",
        "meld/train/dia0_utt1": "train_splits/dia0_utt1.flac",
    }
    assert {problem.item: problem.reason for problem in reading.problems} == {
        "MELD.Raw/dev_sent_emo.csv:2": "there is no sound of dev/dia0_utt0",
        "audio/dia0_utt1.wav": "no folder of its path names the split: train, dev, test",
        "train_splits/dia9_utt9.wav": "no table names it",
    }
    assert [warning.partition(" left out")[0] for warning in reading.warnings] == [
        "1 files of folder MELD.Raw/test/wav/copy",
        "1 files of folder train_splits",
    ]


def test_a_name_counts_where_its_folder_says_another_split(tmp_path: Path) -> None:
    write_meld(tmp_path)
    touch(tmp_path, "dev_splits/train_dia0_utt0.wav")
    reading = MELD().read(tmp_path)
    assert [row.utterance_id for row in reading.utterances] == ["meld/train/dia0_utt0"]
    assert [problem.reason for problem in reading.problems if not problem.dropped] == [
        "its folder says split dev, its name another: the name counts"
    ]


def test_one_table_alone_needs_no_telling_folder(tmp_path: Path) -> None:
    write_meld(tmp_path, {"dev": ROWS["dev"]})
    touch(tmp_path, "dia0_utt0.wav")
    reading = MELD().read(tmp_path)
    assert [(row.audio, row.split) for row in reading.utterances] == [("dia0_utt0.wav", "development")]
    assert reading.warnings == (
        "no table of split train (train_sent_emo.csv)",
        "no table of split test (test_sent_emo.csv)",
    )


def test_wrong_rows_are_named(tmp_path: Path) -> None:
    rows = ("A,Joey,bored,n,0,0", "B,Joey,joy,n,x,0", "C,,joy,n,0,1", "D,Joey,joy,n,0,2", "E,Joey,joy,n,0,2")
    reading = MELD().read(write_meld(tmp_path, {**ROWS, "train": rows}))
    assert [problem.reason for problem in reading.problems] == [
        "emotion 'bored' is none of anger, disgust, fear, joy, neutral, sadness, surprise",
        "dialogue 'x' and utterance '0' are no numbers",
        "train/dia0_utt1 has no speaker",
        "meld/train/dia0_utt2 was listed before: the first row is used",
    ]
    assert [problem.item for problem in reading.problems] == [f"train_sent_emo.csv:{line}" for line in (2, 3, 4, 6)]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"holds no table of MELD\. Allowed: train_sent_emo\.csv"):
        MELD().read(tmp_path)
    with pytest.raises(
        CorpusError, match=r"unknown option media of MELD\. Found: maybe\. Allowed: auto, with, without"
    ):
        adapter("meld", {"media": "maybe"})


def test_prepare_makes_a_manifest_of_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {**ROWS, "dev": ("No.,Rachel,neutral,neutral,0,0", ",Ross,neutral,neutral,0,1")}
    out = tmp_path / "meld.parquet"
    assert main(["prepare", "meld", str(write_meld(tmp_path / "meld", rows)), "--out", str(out)]) == 1
    manifest = Manifest.read(out)
    assert manifest.column("audio") == [""] * 4
    for column in ("duration", "audio_sha256", "fingerprint", "take"):
        assert manifest.column(column) == [None] * 4
    problems = out.with_suffix(".problems.csv").read_text().splitlines()
    assert problems[1:] == ["meld/dev/dia0_utt1,yes,it has neither audio nor text"]
    shown = capsys.readouterr().out
    assert "4 utterances, 4 speakers, 0.00 hours" in shown
    assert "warning: 5 utterances listed where meld as published has 13,708" in shown
    assert "warning: categories differ from meld as published: 2 of 6,436 neutral, 1 of 2,308 happiness" in shown


def test_prepare_decodes_the_sound(tmp_path: Path) -> None:
    root = write_meld(tmp_path / "meld", suffix=".wav")
    for number, path in enumerate(sorted(root.rglob("*.wav"))):
        write_noise(path, number)
    assert main(["prepare", "meld", str(root), "--out", str(tmp_path / "meld.parquet")]) == 0
    manifest = Manifest.read(tmp_path / "meld.parquet")
    assert manifest.column("duration") == [0.2] * 4
    assert None not in manifest.column("audio_sha256")


def test_real_texts(shared_data: Path) -> None:
    reading = MELD().read(shared_data / "meld")
    assert reading.problems == ()
    assert len(reading.utterances) == MELD.expected_utterances
    assert Counter(row.split for row in reading.utterances) == {"train": 9989, "development": 1109, "test": 2610}
    assert Counter(row.category for row in reading.utterances) == MELD.expected_categories
    assert {row.category for row in reading.utterances} == set(LABEL_SETS[MELD.label_set].classes)
