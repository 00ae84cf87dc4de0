"""The trainer's commands know no kind of task, and Lightning's own command line runs what they run."""

import sys
from pathlib import Path

import pytest
import torch
import yaml
from lightning.pytorch.cli import LightningCLI

from tests.tasks.conftest import Run, run, toy  # noqa: F401 (fixtures)
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.provenance import CHECKPOINT_KEY
from vibespeaker.trainer.cli import TrainerCLI, run_trainer


def _lengths(command: str, runs: Path, *options: str) -> TrainerCLI:
    quiet = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false", "--trainer.accelerator=cpu"]
    kind = ["--model=tests.trainer.lengths.LengthTask", "--data=tests.trainer.lengths.Texts"]
    return run_trainer([command, *kind, *quiet, f"--runs={runs}", "--name=lengths", *options])


def test_another_kind_of_task_trains_resumes_and_predicts(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"there are no trained weights to use"):
        _lengths("predict", tmp_path)
    done = _lengths("fit", tmp_path, "--trainer.max_epochs=2")
    names = {path.name for path in done.folder.rglob("*") if path.is_file()}
    assert names >= {"best.ckpt", "last.ckpt", "config.yaml", "run.json", "cost.json"}
    best = torch.load(checkpoint_path(done.folder, "best"), weights_only=True)
    assert best[CHECKPOINT_KEY]["texts"] == "lengths"
    assert set(best["callbacks"]["BestCheckpoint"]["saved"]) == {"val/loss", "val/wer"}
    resumed = _lengths("fit", tmp_path, "--trainer.max_epochs=3", "--ckpt_path=auto", "--model.init_args.rate=0.1")
    assert resumed.trainer.global_step == 9
    predicted = _lengths("predict", tmp_path, f"--out={tmp_path / 'lengths.txt'}", "--system=mine")
    assert (tmp_path / "lengths.txt").read_text() == "mine: 12"
    best = torch.load(checkpoint_path(done.folder, "best"), weights_only=True)["state_dict"]
    torch.testing.assert_close(predicted.model.linear.weight, best["linear.weight"], rtol=0, atol=0)


@pytest.mark.filterwarnings("default:\\s*Unable to serialize")  # as it is outside the tests
def test_settings_of_several_forms_are_recorded_as_they_are(tmp_path: Path) -> None:
    pooling = {"class_path": "vibespeaker.models.MeanPooling"}
    done = _lengths("fit", tmp_path, "--trainer.max_epochs=1", f"--model.init_args.unused={{one: {pooling}}}")
    stored = torch.load(checkpoint_path(done.folder, "last"), weights_only=True)["hyper_parameters"]
    for recorded in (stored, yaml.safe_load((done.folder / "config.yaml").read_text())["model"]["init_args"]):
        assert recorded["unused"] == {"one": pooling}


def test_emotion_tasks_refuse_data_of_another_kind(run: Run) -> None:  # noqa: F811
    with pytest.raises(ConfigError, match=r"model\.class_path EmotionTask does not read.*Found: Texts.*EmotionDataM"):
        run("fit", "--data=tests.trainer.lengths.Texts")


def test_printed_sections_train_under_lightnings_own_command_line(
    run: Run,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = ["--trainer.max_epochs=2", f"--trainer.default_root_dir={tmp_path / 'stock'}"]
    with pytest.raises(SystemExit):
        run("fit", *options, "--print_config", config="model: {init_args: {checkpoints: {monitor: val/ccc_mean}}}")
    printed = yaml.safe_load(capsys.readouterr().out)
    config = tmp_path / "stock.yaml"
    config.write_text(yaml.safe_dump({name: printed[name] for name in ("trainer", "model", "data")}))
    monkeypatch.setattr(sys, "argv", ["stock"])
    stock = LightningCLI(args=["fit", "--config", str(config)], seed_everything_default=1)
    ours = run("fit", "--trainer.max_epochs=2", config="model: {init_args: {checkpoints: {monitor: val/ccc_mean}}}")
    for name in ("best", "last"):
        theirs = torch.load(checkpoint_path(tmp_path / "stock", name), weights_only=True)
        same = torch.load(checkpoint_path(ours.folder, name), weights_only=True)
        assert theirs[CHECKPOINT_KEY] == same[CHECKPOINT_KEY]
        assert set(same["callbacks"]) <= set(theirs["callbacks"])
        for key, value in same["state_dict"].items():
            torch.testing.assert_close(theirs["state_dict"][key], value, rtol=0, atol=0)
    logged, expected = stock.trainer.callback_metrics, ours.trainer.callback_metrics
    assert {name: float(logged[name]) for name in expected} == {name: float(value) for name, value in expected.items()}


def test_a_trained_model_is_used_by_its_best_state(run: Run, tmp_path: Path) -> None:  # noqa: F811
    with pytest.raises(CheckpointError, match=r"there are no trained weights to use\. Found: .*runs/toy\. Remedy"):
        run("predict")
    fitted = run("fit", "--trainer.max_epochs=1").folder
    plain = run("validate").trainer.callback_metrics
    assert run("validate", "--ckpt_path=best").trainer.callback_metrics == plain
    checkpoint_path(fitted, "best").unlink()  # as where nothing is monitored
    assert run("validate").trainer.ckpt_path == str(checkpoint_path(fitted, "last"))


def test_without_validation_the_last_state_is_kept_and_used(
    run: Run,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    done = run("fit", "--data.init_args.splits.validation=[]", "--trainer.max_epochs=2")
    assert [path.name for path in (done.folder / "checkpoints").iterdir()] == ["last.ckpt"]
    assert [record.message for record in caplog.records if "nothing is validated" in record.message] == [
        "nothing is validated, so there is no best state: the run keeps its last one"
    ]
    assert run("test").trainer.ckpt_path == str(checkpoint_path(done.folder, "last"))


def test_a_monitor_that_is_not_logged_is_refused_with_those_that_are(run: Run) -> None:  # noqa: F811
    rule = "model: {init_args: {checkpoints: {monitor: {val/loss: min, val/f1: max}}}}"
    with pytest.raises(ConfigError, match=r"Found: val/f1\. Allowed: .*val/macro_f1.*choose a name that is logged"):
        run("fit", config=rule)


@pytest.mark.parametrize(("config", "options"), [("keep: {monitor: val/uar}", []), ("", ["--keep.monitor=val/uar"])])
def test_the_old_key_is_refused_with_the_present_one(run: Run, config: str, options: list[str]) -> None:  # noqa: F811
    with pytest.raises(ConfigError, match=r"keep.* is now called model\.init_args\.checkpoint"):
        run("fit", *options, config=config)
