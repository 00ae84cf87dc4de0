"""Further heads through the commands: trained, scored, predicted, resumed, and matched by name when fine-tuning."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tasks.conftest import Run
from tests.toy import Toy
from vibespeaker import metrics
from vibespeaker.calibration.applying import apply_calibration
from vibespeaker.calibration.store import Calibration, FittedOn
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.manifest import Manifest
from vibespeaker.models.checkpoint import read_checkpoint
from vibespeaker.predictions import Predictions
from vibespeaker.provenance import CHECKPOINT_KEY, Provenance
from vibespeaker.tasks import EmotionTask

HEADS = """
data:
  init_args:
    heads:
      gender: {}
      activation: {kind: regression, column: arousal, low: 1.0, high: 7.0}
      secondary: {kind: multilabel, column: votes.secondary}
model:
  init_args:
    checkpoints: {monitor: val/gender_uar}
    loss:
      terms:
        attributes: {class_path: vibespeaker.losses.AttributeMSE}
        categories: {class_path: vibespeaker.losses.CrossEntropy}
        gender:
          class_path: vibespeaker.losses.CrossEntropy
          init_args: {head: gender, weighting: {class_path: vibespeaker.losses.InverseFrequency}}
        activation: {class_path: vibespeaker.losses.ConcordanceLoss, init_args: {head: activation}}
        secondary: {class_path: vibespeaker.losses.BinaryCrossEntropy, init_args: {head: secondary}}
      weights: {attributes: 0.25, categories: 0.75, gender: 0.1, activation: 0.1, secondary: 0.1}
"""
#: Only heads that the config names, and none of the two usual ones.
ALONE = """
data:
  init_args:
    heads:
      main: {column: gender, map: MAP}
model:
  init_args:
    checkpoints: {monitor: val/main_accuracy}
    network: {init_args: {heads: []}}
    loss:
      terms: {main: {class_path: vibespeaker.losses.CrossEntropy, init_args: {head: main}}}
      weights: {main: 1.0}
"""


@pytest.fixture(scope="module")
def folder(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run folder after two epochs with three further heads."""
    from tests.tasks.conftest import run as make_run

    runner: Run = make_run.__wrapped__(toy, tmp_path_factory.mktemp("heads"))
    return runner("fit", config=HEADS).folder


def test_they_are_trained_scored_and_monitored(folder: Path, run: Run, toy: Toy) -> None:
    best = f"--ckpt_path={checkpoint_path(folder, 'best')}"
    done = run("validate", best, "--name=scored", config=HEADS)
    logged = {name: value.item() for name, value in done.trainer.callback_metrics.items()}
    assert done.model.provenance.heads["gender"].classes == ("female", "male")
    assert {"val/macro_f1", "val/ccc_mean", "val/loss_gender", "val/secondary_macro_f1"} <= set(logged)
    out = folder / "validation.parquet"
    run("predict", best, f"--out={out}", "--name=predicted", config=HEADS)
    table, manifest = Predictions.read(out), Manifest.read(toy.manifest)
    rows = np.array(manifest.column("split")) == "development"
    genders = np.array(manifest.column("gender"), dtype=object)[rows]
    known = genders != None  # noqa: E711 (elementwise)
    confusion = metrics.confusion_matrix(genders[known] == "male", table.head("gender")[rows][known].argmax(1), 2)
    assert logged["val/gender_uar"] == pytest.approx(float(metrics.uar(confusion)))
    arousal = np.array(manifest.column("arousal"), dtype=float)[rows]
    ccc = metrics.concordance(arousal, table.head("activation")[rows][:, 0])
    assert logged["val/activation_ccc"] == pytest.approx(ccc, abs=1e-6)


def test_predictions_hold_them_behind_the_usual_columns(folder: Path, run: Run, toy: Toy, tmp_path: Path) -> None:
    checkpoint = checkpoint_path(folder, "last")
    run("predict", f"--ckpt_path={checkpoint}", f"--out={tmp_path / 'table.parquet'}", config=HEADS)
    table = Predictions.read(tmp_path / "table.parquet")
    usual = ["utterance_id", "file_name", "split", *table.labels.logit_columns, "arousal", "valence", "dominance"]
    further = ["head.gender.female", "head.gender.male", "head.activation"]
    assert list(table.frame) == [*usual, *further, "head.secondary.tense", "head.secondary.warm"]
    assert table.metadata.heads == EmotionTask.load_from_checkpoint(checkpoint).provenance.heads
    assert table.head("activation").min() >= 1
    assert table.head("activation").max() <= 7
    table.write(tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "table.parquet").read_bytes()


def test_calibration_passes_them_on_and_older_checkpoints_have_none(folder: Path, run: Run, tmp_path: Path) -> None:
    checkpoint = checkpoint_path(folder, "last")
    run("predict", f"--ckpt_path={checkpoint}", f"--out={tmp_path / 'table.parquet'}", config=HEADS)
    table = Predictions.read(tmp_path / "table.parquet")
    metadata = table.metadata
    fitted_on = FittedOn("development", "0" * 64, 9, 5)
    calibration = Calibration(metadata.label_set, metadata.classes, metadata.checkpoint, fitted_on)
    apply_calibration(table, calibration).write(tmp_path / "calibrated.parquet")
    calibrated = Predictions.read(tmp_path / "calibrated.parquet")
    assert calibrated.metadata.heads == table.metadata.heads
    for head in table.metadata.heads:
        np.testing.assert_array_equal(calibrated.head(head), table.head(head))
    content = read_checkpoint(checkpoint)
    del content[CHECKPOINT_KEY]["heads"]
    assert Provenance.from_checkpoint(content, "an older one").heads == {}


def test_resuming_needs_the_same_heads(folder: Path, run: Run) -> None:
    with pytest.raises(CheckpointError, match=r"other further heads than data\.init_args\.heads"):
        run("fit", f"--ckpt_path={checkpoint_path(folder, 'last')}", "--name=other")


def test_fine_tuning_keeps_matching_heads_drops_others_and_says_what_is_new(
    folder: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    start = checkpoint_path(folder, "last")
    old = read_checkpoint(start)["state_dict"]
    config = f"""
data: {{init_args: {{heads: {{gender: {{classes: [male, other, female]}}, speaker: {{}}}}}}}}
model:
  init_args:
    init_from: {start}
    optimizer: {{class_path: torch.optim.SGD, init_args: {{lr: 0}}}}
    loss:
      terms:
        attributes: {{class_path: vibespeaker.losses.AttributeMSE}}
        gender: {{class_path: vibespeaker.losses.CrossEntropy, init_args: {{head: gender}}}}
        speaker: {{class_path: vibespeaker.losses.CrossEntropy, init_args: {{head: speaker}}}}
      weights: {{attributes: 1.0, gender: 0.1, speaker: 0.1}}
"""
    with caplog.at_level("INFO"):
        done = run("fit", "--trainer.max_epochs=1", "--name=tuned", config=config)
    new = done.model.state_dict()
    key = "network.head.further.head_gender.weight"
    assert torch.equal(new[key][[0, 2]], old[key][[1, 0]])
    assert not torch.equal(new[key][1], old[key][0])
    assert torch.equal(new["network.head.linear.weight"], old["network.head.linear.weight"])
    assert [name for name in new if "further" in name and name.endswith("weight")] == [
        *(f"network.head.further.head_{name}.weight" for name in ("gender", "speaker")),
    ]
    assert "head gender starts with new weights (other)" in caplog.text
    assert "head speaker starts with new weights (all of it)" in caplog.text


def test_a_network_may_have_further_heads_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text("{female: high, male: low}")
    config = ALONE.replace("MAP", str(tmp_path / "map.yaml"))
    done = run("fit", config=config)
    assert {"val/main_accuracy", "val/main_uar", "val/loss"} <= set(done.trainer.callback_metrics)
    run("predict", "--ckpt_path=last", f"--out={tmp_path / 'table.parquet'}", config=config)
    table = Predictions.read(tmp_path / "table.parquet")
    assert not table.has_categories
    assert np.isfinite(table.head("main")).all()


def test_a_loss_of_a_head_that_nobody_declares_is_refused(run: Run) -> None:
    with pytest.raises(ConfigError, match=r"no term of the loss trains\. Found: gender"):
        run("fit", "--data.init_args.heads={gender: {}}")
    with pytest.raises(ConfigError, match="has no head to train"):
        run("fit", "--model.init_args.network.init_args.heads=[]")
    with pytest.raises(ConfigError, match=r"lacks\. Found: gender\..*data\.init_args\.heads"):
        run("fit", config=HEADS.replace("gender: {}", "sex: {column: gender}"))
