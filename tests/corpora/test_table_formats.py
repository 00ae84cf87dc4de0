from pathlib import Path

import pandas as pd
import pytest

from tests.corpora.files import touch
from tests.recordings import write_noise
from vibespeaker.cli.main import main
from vibespeaker.corpora import adapter
from vibespeaker.corpora.base import CorpusReading
from vibespeaker.errors import ConfigError, CorpusError
from vibespeaker.labels import LABEL_SETS
from vibespeaker.manifest import Manifest
from vibespeaker.utterance import Vote

VAD = (
    "audio_file,valence,arousal,dominance,tone,transcript\n"
    '1_vad_left,0.62,0.65,0.74,joyful,"Am și eu un Transfer Rapid, extern."\n'
    '2_vad_left,0,1,0.5,monoton,"Nici robot, nici mesaj."\n'
)
CLASSES = ("euphoria", "joy", "sad", "surprised", "angry", "disgust", "fear", "neutral")


def write_vad(root: Path, text: str = VAD) -> Path:
    touch(root, "1_vad_left.wav", "2_vad_left.wav")
    (root / "data.csv").write_text(text)
    return root


def write_emotions(root: Path) -> Path:
    """One sentence in all eight classes, files named by UUID."""
    names = [f"{number:08d}-e897-4d5b-8f50-30eb33d320b1.wav" for number in range(8)]
    rows = [f"{name},I enjoy taking long walks.,{label}" for name, label in zip(names, CLASSES, strict=True)]
    touch(root, *(f"audio/{name}" for name in names))
    (root / "train.csv").write_text("\n".join(["audio_file_name,transcription,emotion_class", *rows]) + "\n")
    return root


def read_table(path: Path, **options: object) -> CorpusReading:
    return adapter("table", options).read(path)


def test_attributes_from_0_to_1_become_1_to_7(tmp_path: Path) -> None:
    reading = adapter("vad-csv").read(write_vad(tmp_path))
    assert reading.problems == ()
    first, second = reading.utterances
    assert first.utterance_id == "vad-csv/1_vad_left"
    assert first.audio == "1_vad_left.wav"
    assert (first.valence, first.arousal, first.dominance) == pytest.approx((4.72, 4.9, 5.44))
    assert (second.valence, second.arousal, second.dominance) == (1.0, 7.0, 4.0)
    assert first.text == "Am și eu un Transfer Rapid, extern."
    assert first.text_origin == "human"
    assert first.language == "ro"
    assert first.category is None
    assert second.votes == (Vote(None, None, ("monoton",), 7.0, 1.0, 4.0),)
    assert first.speaker == "vad-csv/unknown/1_vad_left"
    assert reading.warnings == (
        "2 rows name no speaker: each counts as a speaker of its own, so that splits may share speakers",
    )


def test_values_outside_the_range_are_named(tmp_path: Path) -> None:
    reading = adapter("vad-csv").read(write_vad(tmp_path, VAD.replace("0,1,0.5", "0,1.2,0.5")))
    assert [(problem.item, problem.reason) for problem in reading.problems] == [
        ("data.csv:3", "arousal: 1.2 lies outside 0 to 1")
    ]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_and_an_optional_speaker(tmp_path: Path, delimiter: str) -> None:
    lines = ["audio_file,valence,arousal,dominance,tone,transcript,speaker,gender", "2_vad_left,0,1,1,,da,ana,F"]
    reading = adapter("vad-csv").read(write_vad(tmp_path, "\n".join(lines).replace(",", delimiter)))
    (row,) = reading.utterances
    assert (row.speaker, row.gender, row.text, row.votes) == ("vad-csv/ana", "female", "da", ())
    assert reading.warnings == ("1 audio files are in no row, the first 1_vad_left.wav",)


def test_the_eight_classes_stay_eight(tmp_path: Path) -> None:
    corpus = adapter("emotion-csv")
    rows = corpus.read(write_emotions(tmp_path)).utterances
    emotions = ("excitement", "happiness", "sadness", "surprise", "anger", "disgust", "fear", "neutral")
    assert tuple(row.category for row in rows) == emotions
    assert set(emotions) == set(LABEL_SETS[corpus.label_set].classes)
    assert len({row.sentence for row in rows}) == 1
    assert rows[0].audio.startswith("audio/00000000-")
    assert {(row.language, row.text, row.text_origin) for row in rows} == {
        ("en", "I enjoy taking long walks.", "script")
    }


def test_an_unknown_class_is_named(tmp_path: Path) -> None:
    write_emotions(tmp_path)
    path = tmp_path / "train.csv"
    path.write_text(path.read_text().replace("euphoria", "ennui"))
    (problem,) = adapter("emotion-csv").read(path).problems
    assert (problem.item, problem.reason) == ("train.csv:2", "label 'ennui' is no emotion that is known")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_named_columns(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path / "clips", "a/1.flac", "b/1.wav")
    frame = pd.DataFrame(
        {
            "clip": ["a/1.wav", "b/1"],
            "who": ["ana", None],
            "feels": ["Wut", "neutral"],
            "v": [-1.0, 0.5],
            "split": ["dev", "train"],
            "sentence": ["s1", "s2"],
            "take": ["t", None],
        }
    )
    table = tmp_path / f"mine{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(table)
    else:
        frame.to_csv(table, index=False, sep="\t" if suffix == ".tsv" else ",")
    corpus = adapter(
        "table",
        {
            "columns": {"audio": "clip", "speaker": "who", "category": "feels", "valence": "v"},
            "emotions": {"WUT": "anger"},
            "attribute_range": [-1, 1],
            "corpus": "mine",
            "language": "de",
            "audio_folder": str(tmp_path / "clips"),
            "label_set": "four",
            "licence": "mine alone",
        },
    )
    reading = corpus.read(table)
    assert (corpus.name, reading.label_set, corpus.licence) == ("mine", "four", "mine alone")
    assert corpus.audio_root(table) == tmp_path / "clips"
    assert reading.problems == ()
    first, second = reading.utterances
    assert (first.utterance_id, first.audio) == ("mine/a/1", "a/1.flac")
    assert (first.speaker, first.category, first.valence, first.split) == ("mine/ana", "anger", 1.0, "development")
    assert (first.sentence, first.take, first.language) == ("mine/s1", "mine/t", "de")
    assert (second.speaker, second.valence, second.take) == ("mine/unknown/b/1", 5.5, None)


def test_rows_of_text_alone(tmp_path: Path) -> None:
    table = tmp_path / "texts.csv"
    table.write_text("text,category\nhello,neutral\nso what,anger\n,fear\n")
    reading = read_table(table)
    assert [(row.utterance_id, row.audio, row.text, row.category) for row in reading.utterances] == [
        ("table/texts.csv/2", "", "hello", "neutral"),
        ("table/texts.csv/3", "", "so what", "anger"),
    ]
    assert reading.problems[0].reason == "the row has neither audio nor text"


def test_wrong_rows_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "1.wav")
    table = tmp_path / "t.csv"
    table.write_text(
        "audio,category,split,valence\n1.wav,,,\n1.wav,,,\n2.wav,,,\n1,hapy,,\n1,Happy,,\n1,JOY,,\n1,,holdout,\n1,,,high\n"
    )
    reading = read_table(table)
    assert [problem.item for problem in reading.problems] == [f"t.csv:{line}" for line in range(3, 10)]
    assert [problem.reason.split(" is none")[0] for problem in reading.problems] == [
        "1.wav was listed before: the first row is used",
        "there is no audio file 2.wav",
        "label 'hapy' is no emotion that is known",
        "1.wav was listed before: the first row is used",
        "1.wav was listed before: the first row is used",
        "split 'holdout'",
        "valence: 'high' is not a number",
    ]


def test_a_folder_needs_exactly_one_such_table(tmp_path: Path) -> None:
    root = write_vad(tmp_path / "vad")
    (root / "notes.csv").write_text("a,b\n1,2\n")
    assert len(adapter("vad-csv").read(root).utterances) == 2
    (root / "more.csv").write_text(VAD)
    with pytest.raises(CorpusError, match=r"holds 2 tables with the columns audio_file, valence.*data\.csv, more\.csv"):
        adapter("vad-csv").read(root)
    with pytest.raises(CorpusError, match=r"holds 0 tables.*Found: notes\.csv|Found: data\.csv"):
        adapter("emotion-csv").read(root)
    with pytest.raises(CorpusError, match=r"notes\.csv lacks the columns audio_file"):
        adapter("vad-csv").read(root / "notes.csv")
    with pytest.raises(CorpusError, match=r"missing\.csv does not exist"):
        read_table(root / "missing.csv")
    with pytest.raises(CorpusError, match="neither a column of audio nor of texts"):
        read_table(root / "notes.csv")
    (root / "broken.parquet").write_bytes(b"no")
    with pytest.raises(CorpusError, match=r"broken\.parquet is not a Parquet file"):
        read_table(root / "broken.parquet")


def test_no_usable_row_names_the_first_reason(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("text,split\nhello,holdout\n")
    with pytest.raises(
        CorpusError,
        match=r"no row that can be used\. Found: 1 rows that cannot, the first t\.csv:2: split 'holdout' is none of",
    ):
        read_table(table)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"sound": "clip"}}, r"option columns of a table\. Found: sound\. Allowed: audio, text"),
        ({"emotions": {"wut": "rage"}}, r"option emotions\. Found: rage\. Allowed: anger"),
        ({"columns": "clip"}, r"option columns of format table\. Found: clip\. Allowed: a mapping"),
        ({"columns": {"category": {"x": "emo"}}}, r"option columns of a table\. Found: category\.x\. Allowed: audio"),
        ({"attribute_range": 5}, r"option attribute_range of format table\. Found: 5\. Allowed: values such as"),
        ({"attribute_range": [1]}, r"option attribute_range of a table\. Found: \[1\.0\]"),
        ({"attribute_range": "[5, 1]"}, r"Found: \[5\.0, 1\.0\]\. Allowed: the lowest and the highest"),
        ({"attribute_range": "1, high"}, r"option attribute_range of format table\. Found: high\. Allowed: a number"),
        ({"corpus": "a/b"}, r"option corpus\. Found: a/b\. Allowed: a name without slashes"),
        ({"text_origin": "asr"}, r"option text_origin of a table\. Found: asr\. Allowed: human, script"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        adapter("table", options)
    with pytest.raises(ConfigError, match="unknown label set"):
        adapter("table", {"label_set": "nine"})


def test_prepare_takes_the_table_itself(tmp_path: Path) -> None:
    root = write_vad(tmp_path / "vad")
    for number, path in enumerate(sorted(root.glob("*.wav"))):
        write_noise(path, number)
    out = tmp_path / "out.parquet"
    assert main(["prepare", "vad-csv", str(root / "data.csv"), "--out", str(out)]) == 0
    manifest = Manifest.read(out)
    assert manifest.root == root
    assert manifest.column("audio") == ["1_vad_left.wav", "2_vad_left.wav"]
    assert manifest.column("valence") == [pytest.approx(4.72), 1.0]
    command = ["prepare", "table", str(root / "data.csv"), "--out", str(out)]
    assert main([*command, "--options.columns.audio", "audio_file", "--options.attribute_range", "[0, 1]"]) == 0
    assert Manifest.read(out).column("valence") == [pytest.approx(4.72), 1.0]
