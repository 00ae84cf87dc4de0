"""`train`: what a path is, and from folders of emotions to a model that answers, by commands that were printed."""

import shutil
from pathlib import Path

import pytest

from tests.corpora.emodb_builder import write_emodb
from tests.recordings import write_noise
from vibespeaker.cli.main import main
from vibespeaker.errors import ConfigError
from vibespeaker.evaluation import Evaluation
from vibespeaker.manifest import Manifest
from vibespeaker.workflows.train.recipes import Data
from vibespeaker.workflows.train.source import find_source, guessed_columns

EMOTIONS = ("angry", "happy", "sad")


def write_folders(root: Path, speakers: int = 5) -> Path:
    for number in range(len(EMOTIONS) * speakers * 2):
        emotion, speaker = EMOTIONS[number % 3], number // 3 % speakers
        folder = root / emotion / f"voice{speaker}" if speakers > 1 else root / emotion
        folder.mkdir(parents=True, exist_ok=True)
        write_noise(folder / f"{number}.wav", number, 6_400)
    return root


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("train")
    source = write_folders(root / "voices")
    assert main(["train", str(source), "--out", str(root / "out"), "--epochs", "1", "--draws", "10"]) == 0
    return root


def test_recordings_in_folders_become_a_model(trained, capsys):
    out = trained / "out"
    splits = Manifest.read(out / "manifest.parquet")
    pairs = set(zip(splits.column("speaker"), splits.column("split"), strict=True))
    assert len(pairs) == len({speaker for speaker, _ in pairs}) == 5
    assert (out / "report" / "index.html").is_file()
    (own,) = [one for one in Evaluation.read(out / "evaluation.json").systems if not one.reference]
    assert own.system == "voices"
    assert main(["recognize", str(trained / "voices" / "sad" / "voice0" / "2.wav"), "--model", str(out / "model")]) == 0
    assert "learned from folder" in " ".join(capsys.readouterr().out.split())


def test_a_second_call_prints_the_end_and_does_nothing_anew(trained, capsys, caplog):
    before = {path: path.stat().st_mtime_ns for path in (trained / "out").rglob("*") if path.is_file()}
    words = ["train", str(trained / "voices"), "--out", str(trained / "out"), "--epochs", "1", "--draws", "10"]
    with caplog.at_level("INFO"):
        assert main(words) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    shown = [record.getMessage() for record in caplog.records]
    assert any("vibespeaker extract" in line and line.endswith("done before") for line in shown)
    assert any("vibespeaker fit --config experiment/embedded" in line for line in shown)
    said = capsys.readouterr().out
    assert "macro-F1" in said
    assert f"next: vibespeaker recognize --model {trained / 'out' / 'model'} FILE" in said


def test_results_of_something_else_are_kept(trained, capsys):
    write_emodb(trained / "emo")
    assert main(["train", str(trained / "emo"), "--out", str(trained / "out")]) == 2
    assert "holds another training" in capsys.readouterr().err


def test_a_path_is_known_by_its_names(tmp_path, shared_data):
    write_emodb(tmp_path / "berlin")
    assert find_source(tmp_path / "berlin").format == "emodb"
    assert find_source(shared_data / "ravdess" / "Actor_01").format == "ravdess"
    write_folders(tmp_path / "own")
    assert find_source(tmp_path / "own").format == "folder"
    shutil.copytree(tmp_path / "berlin", tmp_path / "tabled")
    for number, path in enumerate(sorted((tmp_path / "tabled").glob("*.wav"))):
        path.rename(path.with_name(f"{number}.wav"))
    with pytest.raises(ConfigError, match="no corpus that is known"):
        find_source(tmp_path / "tabled")
    (tmp_path / "tabled" / "labels.csv").write_text("file,emotion\n0.wav,happy\n1.wav,sad\n")
    assert find_source(tmp_path / "tabled").format == "table"
    table = find_source(tmp_path / "tabled" / "labels.csv")
    assert table.format == "table"
    assert guessed_columns(table) == {"audio": "file", "category": "emotion"}
    with pytest.raises(ConfigError, match="does not exist"):
        find_source(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("speakers", "unknown", "by", "said"),
    [
        (30, 0, ["speakers"], "30 are known"),
        (0, 40, ["speakers"], "no speakers are known"),
        (2, 0, ["utterances"], "say nothing of other speakers"),
    ],
)
def test_what_is_assumed_of_speakers_is_said(speakers, unknown, by, said):
    data = Data(60, speakers, unknown, False, ("categories",), "emodb", False)
    words, told = data.split_words()
    assert words[1:2] == by
    assert said in told
    assert bool(data.leaks) == (by == ["utterances"])
