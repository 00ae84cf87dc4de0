"""The full pipeline on very small corpora, and that nothing is done twice."""

import hashlib
import shutil
from pathlib import Path

import pandas as pd
import pytest

from vibespeaker.cli.main import main
from vibespeaker.evaluation import Evaluation
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions

pytestmark = pytest.mark.slow

SIZES = ["--speakers", "5", "--utterances", "80", "--epochs", "1", "--draws", "10"]
#: In this process, which has imported everything already.
SMALL = [*SIZES, "--processes", "1"]


def contents(folder: Path) -> dict[str, tuple[str, int]]:
    """Hash and modification time of every file."""
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quickstart") / "out"
    assert main(["quickstart", "--out", str(folder), *SIZES, "--processes", "2"]) == 0
    return folder


def test_submission_is_complete_and_right(out):
    check = ["--manifest", str(out / "manifest.parquet"), "--split", "test3"]
    for name in ("task1.csv", "task2.csv"):
        assert main(["submit", "--check", str(out / "submission" / name), *check]) == 0
    assert len((out / "submission" / "task1.csv").read_text().splitlines()) == 1 + 16


def test_report_names_synthetic_speech_and_the_reference_rows(out):
    evaluation = Evaluation.read(out / "report" / "evaluation.json")
    assert evaluation.synthetic
    names = {scores.system for scores in evaluation.systems}
    assert names == {"majority/mean", "audio-only", "text-only", "audio+text, late fusion"}
    page = (out / "report" / "report.md").read_text(encoding="utf-8")
    assert "Synthetic speech" in page
    figures = {path.stem for path in (out / "report" / "figures").iterdir()}
    assert any(name.startswith("confusion") for name in figures)
    assert any(name.startswith("scatter") for name in figures)
    assert any(name.startswith("curves") for name in figures)


def test_hidden_labels_are_hidden_from_training(out):
    table = Manifest.read(out / "manifest.parquet")
    pairs = zip(table.column("split"), table.column("category"), strict=True)
    assert {category for split, category in pairs if split == "test3"} == {None}
    truth = Manifest.read(out / "truth.parquet")
    pairs = zip(truth.column("split"), truth.column("category"), strict=True)
    assert None not in {category for split, category in pairs if split == "test3"}


def test_predictions_cover_the_manifest_and_say_synthetic(out):
    table = Manifest.read(out / "manifest.parquet")
    predictions = Predictions.read(out / "runs" / "multitask" / "predictions.parquet")
    assert list(predictions.frame["utterance_id"]) == table.column("utterance_id")
    assert predictions.metadata.synthetic
    assert predictions.metadata.label_set == "challenge+other"


def test_a_second_run_does_nothing(out, capsys):
    before = contents(out)
    assert main(["quickstart", "--out", str(out), *SMALL]) == 0
    assert contents(out) == before
    assert "SYNTHETIC speech" in capsys.readouterr().out


def test_what_is_lost_is_made_again_and_nothing_else(out):
    before = contents(out)
    lost = out / "runs" / "text" / "predictions.parquet"
    predicted = Predictions.read(lost).frame
    lost.unlink()
    assert main(["quickstart", "--out", str(out), *SMALL]) == 0
    after = contents(out)
    pd.testing.assert_frame_equal(Predictions.read(lost).frame, predicted)
    changed = {name for name in before if before[name] != after.get(name)}
    assert changed <= {"runs/text/predictions.parquet", ".steps/text.json"} | {
        name for name in before if name.startswith("runs/text/")
    }


def test_the_full_story_goes_on_from_the_short_one(out):
    before = contents(out)
    assert main(["quickstart", "--out", str(out), *SMALL, "--full"]) == 0
    after = contents(out)
    assert {name: after[name] for name in before} == before
    names = {scores.system for scores in Evaluation.read(out / "full" / "report" / "evaluation.json").systems}
    assert {"audio+text, late fusion", "task 1, statistics", "task 2, late fusion", "full system"} <= names
    table = Manifest.read(out / "manifest.parquet")
    full = Predictions.read(out / "full" / "predictions.parquet")
    assert list(full.frame["utterance_id"]) == table.column("utterance_id")
    assert full.metadata.label_set == "challenge"
    check = ["--manifest", str(out / "manifest.parquet"), "--split", "test3"]
    for name in ("task1.csv", "task2.csv"):
        assert main(["submit", "--check", str(out / "full" / "submission" / name), *check]) == 0


def test_a_real_corpus_runs_to_the_end_without_attributes(shared_data, tmp_path, caplog):
    corpus = tmp_path / "corpus"
    for actor in range(2, 8):
        folder = corpus / f"Actor_{actor:02d}"
        folder.mkdir(parents=True)
        for path in sorted((shared_data / "ravdess" / folder.name).iterdir())[::5]:
            shutil.copy(path, folder / path.name)
    arguments = ["--corpus", str(corpus), "--format", "ravdess", "--epochs", "1", "--draws", "10", "--processes", "1"]
    with caplog.at_level("INFO"):
        assert main(["quickstart", "--out", str(tmp_path / "out"), *arguments]) == 0
    assert "task 2 and the submission are skipped" in caplog.text
    assert not (tmp_path / "out" / "submission").exists()
    evaluation = Evaluation.read(tmp_path / "out" / "report" / "evaluation.json")
    assert not evaluation.synthetic
    assert evaluation.system("audio+text, late fusion").classes == (
        *("anger", "sadness", "happiness", "surprise", "fear", "disgust", "neutral", "calm"),
    )
    table = Manifest.read(tmp_path / "out" / "manifest.parquet")
    speakers: dict[str, set[str]] = {}
    for split, speaker in zip(table.column("split"), table.column("speaker"), strict=True):
        speakers.setdefault(split, set()).add(speaker)
    assert not speakers["train"] & speakers["test"]
