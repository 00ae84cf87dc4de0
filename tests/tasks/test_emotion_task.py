"""Training, fine-tuning, scoring and predicting through the commands, on toy data in one process."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.tasks.conftest import NINE, Run
from tests.toy import Toy
from vibespeaker import metrics
from vibespeaker.cli.main import main
from vibespeaker.errors import ConfigError
from vibespeaker.evaluation import Evaluation
from vibespeaker.evaluation.command import evaluate
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.labels import CHALLENGE, CHALLENGE_OTHER
from vibespeaker.losses import Misclassification
from vibespeaker.manifest import Manifest
from vibespeaker.models.checkpoint import read_checkpoint
from vibespeaker.predictions import Predictions
from vibespeaker.tasks import EmotionTask
from vibespeaker.trainer.cli import run_trainer

CATEGORIES_ONLY = """
model:
  init_args:
    loss:
      terms:
        categories: {class_path: vibespeaker.losses.CrossEntropy}
      weights: {categories: 1.0}
"""
BY_CONFUSION = CATEGORIES_ONLY.replace(
    "{class_path: vibespeaker.losses.CrossEntropy}",
    "{class_path: vibespeaker.losses.CrossEntropy, "
    "init_args: {weighting: {class_path: vibespeaker.losses.Misclassification}}}",
)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_run_folder_tells_what_was_run(fitted: Path, toy: Toy) -> None:
    names = {path.relative_to(fitted).as_posix() for path in fitted.rglob("*") if path.is_file()}
    events = {name for name in names if name.startswith("events.out")}
    assert len(events) == 1
    checkpoints = {"checkpoints/best.ckpt", "checkpoints/last.ckpt"}
    assert names - events == {*checkpoints, "config.yaml", "run.json", "cost.json", "hparams.yaml", "fit.lock"}
    config = yaml.safe_load((fitted / "config.yaml").read_text())
    assert config["data"]["init_args"]["label_set"] == "challenge+other"
    assert config["model"]["init_args"]["schedule"] == {
        **{"warmup_epochs": 0.0, "warmup_steps": None, "warmup_share": None},
        **{"minimum": None, "shape": "cosine"},
    }
    record = json.loads((fitted / "run.json").read_text())
    assert record["packages"]["torch"] == torch.__version__
    assert record["trained_on"]["corpora"] == ["toy"]
    assert set(record) >= {"revision", "python", "vibespeaker"}


def test_the_saved_config_stands_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("model: {init_args: {checkpoints: {monitor: val/uar}}}")
    folder = run("fit", "--trainer.max_epochs=1", config="bases: [base.yaml]").folder
    saved = folder / "config.yaml"
    assert yaml.safe_load(saved.read_text())["model"]["init_args"]["checkpoints"]["monitor"] == "val/uar"
    run_trainer(["predict", "--config", str(saved), "--ckpt_path=best"])
    assert (folder / "predictions.parquet").is_file()
    resumed = run_trainer(["fit", "--config", str(saved), "--ckpt_path=last", "--trainer.max_epochs=2"])
    assert resumed.trainer.current_epoch == 2
    assert yaml.safe_load(saved.read_text())["ckpt_path"] is None


def test_tensorboard_shows_curves_and_confusions(fitted: Path) -> None:
    events = EventAccumulator(str(fitted), size_guidance={"images": 0})
    events.Reload()
    curves = {"train/loss", "val/loss", "val/macro_f1", "val/uar", "lr"}
    curves |= {f"val/ccc_{name}" for name in ("arousal", "valence", "dominance", "mean")}
    curves |= {"train/gradient_norm", "train/macro_f1", "train/ccc_mean", "val/f1/anger", "val/f1/neutral"}
    curves |= {f"val/predicted/arousal_{what}" for what in ("mean", "deviation", "slope")}
    assert curves <= set(events.Tags()["scalars"])
    assert all(scalar.value > 0 for scalar in events.Scalars("train/gradient_norm"))
    assert (
        "_hparams_/session_start_info" in events.Tags()["tensors"] or "final/val/macro_f1" in events.Tags()["scalars"]
    )
    best = max(scalar.value for scalar in events.Scalars("val/macro_f1"))
    assert events.Scalars("final/val/macro_f1")[-1].value == pytest.approx(best)
    assert len(events.Scalars("val/macro_f1")) == len(events.Images("val/confusion")) == 2
    assert len(events.Scalars("lr")) == read_checkpoint(checkpoint_path(fitted, "last"))["global_step"]


def test_logged_scores_are_those_of_the_whole_split(run: Run, toy: Toy, tmp_path: Path) -> None:
    run("fit", "--trainer.max_epochs=1")
    logged = run("validate", "--ckpt_path=last").trainer.callback_metrics
    run(
        "predict",
        "--ckpt_path=last",
        "--data.init_args.splits.predict=[development]",
        f"--out={tmp_path / 'p.parquet'}",
    )
    predictions = Predictions.read(tmp_path / "p.parquet")
    manifest = Manifest.read(toy.manifest)
    rows = [i for i, split in enumerate(manifest.column("split")) if split == "development"]
    assert predictions.frame["utterance_id"].tolist() == [f"toy/{i:03d}" for i in rows]
    true = [CHALLENGE.index(manifest.column("category")[i]) for i in rows]
    confusion = metrics.confusion_matrix(true, predictions.logits().argmax(axis=1), 8)
    assert float(logged["val/macro_f1"]) == pytest.approx(float(metrics.macro_f1(confusion)), rel=1e-6)
    arousal = np.array(manifest.column("arousal"))[rows]
    concordance = metrics.concordance(arousal, predictions.attributes()[:, 0])
    assert float(logged["val/ccc_arousal"]) == pytest.approx(concordance, rel=1e-5)
    squares = (np.stack([manifest.table.column(c).to_numpy()[rows] for c in ("arousal", "valence", "dominance")], 1)
               - predictions.attributes()) ** 2  # fmt: skip
    logits = predictions.logits()
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = 0.25 * squares.mean() + 0.75 * -log_p[np.arange(len(rows)), true].mean()
    assert float(logged["val/loss"]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("policy", ["{no_agreement: exclude, other: exclude}", "{no_agreement: soft, other: class}"])
def test_scores_of_a_run_are_those_of_evaluate(run: Run, toy: Toy, tmp_path: Path, policy: str) -> None:
    labels = "challenge+other" if "class" in policy else "challenge"
    config = f"data: {{init_args: {{label_set: {labels}, policy: {policy}}}}}"
    run("fit", "--trainer.max_epochs=1", config=config)
    # the training split has utterances without agreement, and others
    logged = run("validate", "--ckpt_path=last", "--data.init_args.splits.validation=[train]", config=config)
    run("predict", "--ckpt_path=last", "--data.init_args.splits.predict=[train]", config=config)
    table = tmp_path / "runs" / "toy" / "predictions.parquet"
    assert evaluate([table], manifest=toy.manifest, draws=0, by=["none"], out=[tmp_path / "e.json"]) == 0
    found = Evaluation.read(tmp_path / "e.json").systems[-1].scores
    values = {name.removeprefix("val/"): float(value) for name, value in logged.trainer.callback_metrics.items()}
    shared = {"macro_f1", "uar", "accuracy", "ccc_arousal", "ccc_valence", "ccc_dominance", "ccc_mean"}
    assert {name: values[name] for name in shared} == pytest.approx(
        {name: found[name].value for name in shared}, abs=1e-6
    )


def test_predictions_carry_their_provenance(run: Run, fitted: Path) -> None:
    run("predict", "--ckpt_path=best", "--system=nine", config=NINE)
    metadata = Predictions.read(fitted / "predictions.parquet").metadata
    assert (metadata.label_set, metadata.classes) == ("challenge+other", CHALLENGE_OTHER.classes)
    assert (metadata.system, metadata.synthetic) == ("nine", True)
    assert metadata.provenance["corpora"] == ["toy"]
    assert metadata.provenance["encoders"]["hear"]["class_path"] == "toy.hear"
    assert metadata.provenance["transcripts"] == ["human"]
    assert metadata.provenance["command"].startswith("vibespeaker predict")
    assert len(metadata.checkpoint or "") == len(metadata.manifest or "") == len(metadata.cache or "") == 64


def test_nine_classes_predict_as_eight(run: Run, fitted: Path, tmp_path: Path) -> None:
    run("predict", "--ckpt_path=best", f"--out={tmp_path / 'nine.parquet'}", config=NINE)
    run("predict", "--ckpt_path=best", f"--out={tmp_path / 'eight.parquet'}")
    nine, eight = (Predictions.read(tmp_path / f"{name}.parquet") for name in ("nine", "eight"))
    assert eight.metadata.classes == CHALLENGE.classes
    np.testing.assert_array_equal(eight.logits(), nine.logits()[:, :8])
    np.testing.assert_array_equal(eight.attributes(), nine.attributes())
    scores = run("validate", "--ckpt_path=best").trainer.callback_metrics
    assert "val/macro_f1" in scores
    assert "val/loss" not in scores  # with a class fewer it is not what was minimised


def test_fine_tuning_matches_logits_by_class(run: Run, fitted: Path) -> None:
    start = f"--model.init_args.init_from={checkpoint_path(fitted, 'last')}"
    tuned = run("fit", start, "--name=tuned", "--trainer.max_epochs=1", "--trainer.limit_train_batches=1",
                "--model.init_args.optimizer.init_args.lr=0.0", config=CATEGORIES_ONLY)  # fmt: skip
    before = read_checkpoint(checkpoint_path(fitted, "last"))["state_dict"]
    after = tuned.model.network.state_dict()
    weight = before["network.head.linear.weight"]
    assert weight.shape[0] == 12  # nine classes, three attributes
    kept = torch.cat([weight[:8], weight[9:]])
    torch.testing.assert_close(after["head.linear.weight"], kept, rtol=0, atol=0)
    for name, value in after.items():
        if not name.startswith("head."):
            torch.testing.assert_close(value, before[f"network.{name}"], rtol=0, atol=0)


def test_class_weights_follow_what_the_starting_model_confuses(run: Run, fitted: Path) -> None:
    start = f"--model.init_args.init_from={checkpoint_path(fitted, 'last')}"
    tuned = run("fit", start, "--name=tuned", "--trainer.max_epochs=1", config=BY_CONFUSION)
    run("predict", f"--ckpt_path={checkpoint_path(fitted, 'last')}", "--data.init_args.splits.predict=[development]")
    before = Predictions.read(fitted / "predictions.parquet")
    true = [CHALLENGE.index(CHALLENGE.classes[(37 + i) % 8]) for i in range(13)]
    confusion = metrics.confusion_matrix(true, before.logits().argmax(axis=1), 8)
    expected = Misclassification().weights(torch.from_numpy(confusion))
    torch.testing.assert_close(tuned.model.loss.terms["categories"].class_weights, expected)
    with pytest.raises(ConfigError, match="from the split that is scored"):
        run("fit", start, "--name=again", "--data.init_args.splits.test=[development]", config=BY_CONFUSION)


def test_class_weights_by_confusions_need_a_validation_split(run: Run) -> None:
    with pytest.raises(ConfigError, match="need a validation split"):
        run(
            "fit",
            "--data.init_args.splits.validation=[]",
            "--model.init_args.checkpoints.monitor=train/loss",
            config=BY_CONFUSION,
        )


def test_frozen_parameters_stay(run: Run) -> None:
    options = ["--trainer.max_epochs=1", "--model.init_args.freeze=['projections.*']"]
    done = run("fit", *options)
    names = [name for name, parameter in done.model.named_parameters() if not parameter.requires_grad]
    assert names == [f"network.projections.{i}.{kind}" for i in (0, 1) for kind in ("weight", "bias")]
    assert len(read_checkpoint(checkpoint_path(done.folder, "last"))["optimizer_states"][0]["state"]) == len(
        [parameter for parameter in done.model.parameters() if parameter.requires_grad]
    )
    with pytest.raises(ConfigError, match=r"freeze matches no parameter.*Found: poolings"):
        run("fit", "--name=wrong", "--model.init_args.freeze=['poolings.*']")


def test_statistics_of_frozen_norms_stay(run: Run) -> None:
    pooling = "{class_path: vibespeaker.models.AttentiveStatisticsPooling, init_args: {batch_norm: true}}"
    network = f"--model.init_args.network.init_args.pooling={pooling}"
    frozen = run("fit", "--trainer.max_epochs=1", network, "--model.init_args.freeze=['poolings.*']").model.network
    norms = [module for module in frozen.poolings.modules() if isinstance(module, torch.nn.BatchNorm1d)]
    assert norms
    assert all(int(norm.num_batches_tracked) == 0 for norm in norms)


def test_a_fast_run_beside_an_existing_run_leaves_it_alone(run: Run, fitted: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in fitted.rglob("*")}
    assert run("fit", "--trainer.fast_dev_run=true").trainer.global_step == 1
    assert {path: path.stat().st_mtime_ns for path in fitted.rglob("*")} == before


def test_ctrl_c_ends_with_130_and_tells_how_to_go_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(EmotionTask, "training_step", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        run("fit")
    arguments = [f"--config={tmp_path / 'task.yaml'}", *toy.arguments(), f"--runs={tmp_path}", "--name=again"]
    assert main(["fit", *arguments]) == 130
    assert capsys.readouterr().err.endswith("interrupted: add --ckpt_path auto to the same command to continue\n")


def test_batches_without_any_target_of_a_term_train_on(run: Run, toy: Toy) -> None:
    # batches of one: those of "other" have attributes only
    policy = "data: {init_args: {policy: {other: attributes, no_agreement: attributes}}}"
    done = run("fit", "--trainer.max_epochs=1", "--data.init_args.batch_size=1", config=policy)
    assert done.trainer.global_step == 37
    assert all(torch.isfinite(value).all() for value in done.model.network.parameters())


def test_restored_by_its_own_class(fitted: Path) -> None:
    task = EmotionTask.load_from_checkpoint(checkpoint_path(fitted, "best"))
    assert task.provenance.classes == CHALLENGE_OTHER.classes
    assert [encoder.fingerprint for encoder in task.provenance.encoders.values()] == [
        {"weights": "toy hear"},
        {"weights": "toy read"},
    ]


def test_a_trial_leaves_nothing_behind(run: Run) -> None:
    done = run("fit", "--trainer.fast_dev_run=true")
    assert done.trainer.global_step == 1
    assert not done.folder.exists()
