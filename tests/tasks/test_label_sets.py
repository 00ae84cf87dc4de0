"""A table's own classes from manifest to checkpoint, scores and report: as many as it has, in its order."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tasks.conftest import Run
from tests.toy import CLASSES, Toy
from vibespeaker import metrics
from vibespeaker.cli.main import main
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions

#: Label set → classes that the toy's eight become, in turn.
SETS = {
    "four": ("neutral", "happiness", "sadness", "anger"),
    "own:low,mid,other": ("low", "mid", "other"),
}


def relabelled(toy: Toy, folder: Path, label_set: str) -> Toy:
    """The toy with categories of another label set; what else its categories are, no class is made of."""
    manifest = Manifest.read(toy.manifest)
    names = dict(zip(CLASSES, SETS[label_set] * len(CLASSES), strict=False))
    categories = [names.get(category) for category in manifest.column("category")]
    manifest = manifest.with_columns({"category": categories})
    manifest = replace(manifest, metadata=replace(manifest.metadata, label_set=label_set))
    manifest.write(folder / "manifest.parquet")
    return Toy(folder / "manifest.parquet", toy.cache)


@pytest.mark.parametrize("name", SETS)
def test_a_label_set_goes_from_the_manifest_to_every_score(
    name: str, toy: Toy, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = relabelled(toy, tmp_path, name)
    classes = {"four": ("anger", "sadness", "happiness", "neutral")}.get(name, SETS[name])
    folder = run("fit", "--trainer.max_epochs=1", data=data).folder
    best = checkpoint_path(folder, "best")
    assert torch.load(best, weights_only=True)["vibespeaker"]["classes"] == list(classes)
    done = run("test", f"--ckpt_path={best}", "--name=tested", data=data)
    logged = {key: value.item() for key, value in done.trainer.callback_metrics.items()}
    run("predict", f"--ckpt_path={best}", f"--out={folder / 'predictions.parquet'}", "--name=predicted", data=data)
    table, manifest = Predictions.read(folder / "predictions.parquet"), Manifest.read(data.manifest)
    assert (table.metadata.label_set, table.labels.classes) == (name, classes)
    # the scores are over the label set's classes, as many as it has
    rows = np.flatnonzero(np.array(manifest.column("split")) == "test")
    truth = np.array([classes.index(manifest.column("category")[row]) for row in rows])
    guessed = table.probabilities()[rows].argmax(1)
    confusion = metrics.confusion_matrix(truth, guessed, len(classes))
    assert logged["test/macro_f1"] == pytest.approx(float(metrics.macro_f1(confusion)))
    arguments = [str(folder / "predictions.parquet"), "--manifest", str(data.manifest), "--split", "test"]
    assert main(["evaluate", *arguments, "--draws", "0", "--full"]) == 0
    shown = capsys.readouterr().out
    assert all(f"│ {emotion}" in shown for emotion in classes)
    if name == "four":
        return
    assert main(["report", str(folder), "--out", str(tmp_path / "report"), "--draws", "0", "--split", "test"]) == 0
    assert f"label set {name}" in next((tmp_path / "report").glob("*.md")).read_text()
