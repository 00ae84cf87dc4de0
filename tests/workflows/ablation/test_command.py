"""Whole experiments on real recordings, with the embedded encoders and hardly any training."""

import json

import pandas as pd
import pytest
import yaml

from tests.toy import SMALL_TASK
from vibespeaker.cli.main import main
from vibespeaker.corpora import adapter
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.prepare import prepare_corpus

#: Few clips of many speakers.
_EVERY = {"emodb": 9, "ravdess": 13}


@pytest.fixture(scope="module")
def manifests(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("manifests")
    paths = []
    for name, every in _EVERY.items():
        whole = prepare_corpus(adapter(name), shared_data / name, folder / "journal").manifest
        paths.append(folder / f"{name}.parquet")
        whole.select(list(range(0, len(whole), every))).write(paths[-1])
    return paths


@pytest.fixture
def small(tmp_path):
    """A config that trains next to nothing."""
    task = yaml.safe_load(SMALL_TASK)
    task["model"]["init_args"]["loss"]["terms"].pop("attributes")
    task["model"]["init_args"]["loss"]["weights"] = {"categories": 1.0}
    task["model"]["init_args"]["network"]["init_args"]["heads"] = ["categories"]
    task["trainer"]["max_epochs"] = 1
    task["data"] = {
        "class_path": "vibespeaker.tasks.EmotionDataModule",
        "init_args": {"manifest": "m", "batch_size": 32},
    }
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(task))
    return str(path)


@pytest.mark.slow
def test_from_corpus_to_corpus_runs_to_the_end_and_goes_on_after_an_interruption(manifests, small, tmp_path, capsys):
    plan = {"labels": "corpora/seven-neutral", "config": small, "variants": [{"name": "each corpus"}]}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    out = tmp_path / "cross"
    words = ["cross", *map(str, manifests), "--plan", str(tmp_path / "plan.yaml"), "--out", str(out), "--draws", "100"]
    assert main(words) == 0
    assert "Classes: 6 in common" in capsys.readouterr().out
    table = pd.read_csv(out / "table.csv")
    assert list(zip(table["trained"], table["tested"], strict=True)) == [
        ("emodb", "emodb"),
        ("emodb", "ravdess"),
        ("ravdess", "emodb"),
        ("ravdess", "ravdess"),
    ]
    assert (table["classes"] <= 6).all()
    assert table["uar"].between(0, 1).all()
    trained = Manifest.read(out / "manifests" / "emodb.parquet")
    pairs = set(zip(trained.column("corpus"), trained.column("split"), strict=True))
    assert {corpus for corpus, split in pairs if split != "test"} == {"emodb"}
    # one training is thrown back to its middle, as an interruption leaves it; the other stays as it is
    first, second = sorted(path for path in (out / "runs").iterdir() if path.is_dir())
    record = json.loads((first / "trial.json").read_text())
    (first / "trial.json").write_text(json.dumps({**record, "state": "running"}))
    (first / "predictions.parquet").unlink()
    before = (second / "trial.json").stat().st_mtime_ns
    text = (out / "table.csv").read_text()
    assert main([*words, "--format", "pdf"]) == 0
    assert (second / "trial.json").stat().st_mtime_ns == before
    assert (out / "table.csv").read_text() == text
    assert (out / "matrix.svg").is_file()
    assert (out / "matrix.pdf").read_bytes().startswith(b"%PDF")
    assert len(list((out / "confusion").glob("*.pdf"))) == 2
    assert "| emodb | ravdess |" in (out / "table.md").read_text()


def test_corpora_that_are_not_there_are_refused(manifests, tmp_path, capsys):
    words = ["cross", *map(str, manifests), "--out", str(tmp_path / "out"), "--train", "emodb+savee"]
    assert main(words) == 2
    assert "no such corpus. Found: savee. Allowed: emodb, ravdess" in capsys.readouterr().err
