"""What a run logs, what Lightning's own callbacks and loggers do in it, and when it stops."""

import math
from pathlib import Path

import pandas as pd
import pytest
import torch
from lightning.pytorch.strategies import Strategy

from tests.tasks.conftest import Run
from tests.trainer.lengths import LengthTask
from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.errors import CheckpointError, TrainingError
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.models.checkpoint import weights_sha256
from vibespeaker.tasks import EmotionTask

SCORES = {"loss", "accuracy", "ua_plus_wa", "macro_f1", "uar", "calibration_error"}
SCORES |= {f"ccc_{name}" for name in ("arousal", "valence", "dominance", "mean")}


def test_lightnings_own_callbacks_and_loggers(run: Run, tmp_path: Path) -> None:
    """Stops early, averages weights and writes CSV; `best.ckpt` holds the averaged weights that were scored."""
    done = run(
        "fit",
        "--trainer.max_epochs=6",
        f"--trainer.logger={{class_path: CSVLogger, init_args: {{save_dir: {tmp_path}, name: csv, version: ''}}}}",
        "--trainer.callbacks+={class_path: EarlyStopping, init_args: {monitor: val/uar, mode: max, min_delta: 2.0, "
        "patience: 2}}",
        "--trainer.callbacks+={class_path: EMAWeightAveraging, init_args: {decay: 0.5}}",
        "--trainer.callbacks+={class_path: ModelCheckpoint, init_args: {monitor: val/uar, mode: max, save_top_k: 2, "
        f"dirpath: {tmp_path / 'more'}}}}}",
    )
    assert done.trainer.current_epoch == 3  # no UAR is better by 2
    table = pd.read_csv(tmp_path / "csv" / "metrics.csv")
    assert {"lr", "train/loss", "train/accuracy", *(f"val/{name}" for name in SCORES)} <= set(table.columns)
    assert table["lr"].notna().sum() == done.trainer.global_step == 15
    assert len(list((tmp_path / "more").glob("*.ckpt"))) == 2
    shown = done.trainer.progress_bar_metrics
    assert {"loss", "val/macro_f1"} <= set(shown)
    assert "val/uar" not in shown
    saved = torch.load(checkpoint_path(done.folder, "best"), weights_only=True)
    weight = "network.head.linear.weight"
    assert (saved["current_model_state"][weight] != saved["state_dict"][weight]).any()
    best = run("validate").trainer.callback_metrics["val/macro_f1"]
    assert float(best) == pytest.approx(table["val/macro_f1"].max(), abs=1e-6)


def test_training_stops_at_the_first_loss_that_is_no_number(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recognize = EmotionTask.recognize

    def broken(task: EmotionTask, batch: EmotionBatch) -> EmotionOutput:
        output = recognize(task, batch)
        at = batch.rows == 5
        return output.map(lambda head: torch.where(at[:, None], math.nan, head)) if task.training else output

    monkeypatch.setattr(EmotionTask, "recognize", broken)
    with pytest.raises(
        TrainingError, match=r"loss is nan.*outputs that are not finite for utterances toy/005\. Remedy"
    ):
        run("fit")
    assert not (tmp_path / "runs" / "toy" / "checkpoints").exists()


def test_an_infinite_loss_of_finite_outputs_names_the_batch(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    recognize = EmotionTask.recognize
    monkeypatch.setattr(
        EmotionTask, "recognize", lambda task, batch: recognize(task, batch).map(lambda head: head * 1e30)
    )
    with pytest.raises(
        TrainingError, match=r"loss is inf.*: finite outputs for utterances toy/0\d\d(, toy/0\d\d)+\. R"
    ):
        run("fit")


def test_weights_that_are_no_numbers_are_not_saved() -> None:
    state = {"state_dict": {"whole": torch.ones(2), "broken": torch.tensor([1.0, math.nan])}, "global_step": 3}
    with pytest.raises(CheckpointError, match="weight broken is not finite after step 3"):
        LengthTask().on_save_checkpoint(state)
    state["state_dict"]["broken"][1] = 0.0  # type: ignore[index]
    LengthTask().on_save_checkpoint(state)
    assert state["vibespeaker"] == {"texts": "lengths", "weights_sha256": weights_sha256(state["state_dict"])}


def test_first_weights_do_not_depend_on_the_device(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(_strategy: Strategy, **_options: object) -> torch.device:
        return torch.device("meta")

    monkeypatch.setattr(Strategy, "tensor_init_context", elsewhere)
    done = run("fit", "--trainer.max_epochs=1")
    assert all(weight.device.type == "cpu" for weight in done.model.parameters())
