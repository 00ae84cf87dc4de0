"""Encoders that train inside a run: each kind resumes to the last bit, and checkpoints hold what was trained."""

from pathlib import Path

import pytest
import torch
import yaml

from tests.checkpoints import build
from tests.tasks.accidents import AccidentError
from tests.tasks.conftest import Run
from tests.tasks.states import assert_same_state
from tests.toy import Toy
from vibespeaker.errors import CheckpointError
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.models.checkpoint import open_checkpoint
from vibespeaker.predictions import Predictions
from vibespeaker.report.curves import read_logs
from vibespeaker.systems import open_system
from vibespeaker.tasks.callbacks.layer_weights import layer_weights
from vibespeaker.trainer.cli import TrainerCLI

#: Every kind of training in one model, each on another kind of network.
TRAINED = {
    "all": ("hubert", "SpeechEncoder", {"train": "all", "layer_decay": 0.5}),
    "transformer": ("wavlm-base", "SpeechEncoder", {"train": "transformer", "gradient_checkpointing": True}),
    "top": ("wavlm", "SpeechEncoder", {"train": {"top": 1}, "learning_rate": 0.002}),
    "convolutions": ("wav2vec2", "SpeechEncoder", {"train": {"convolutions": 2}}),
    "lora": ("roberta", "TextEncoder", {"train": {"lora": {"rank": 2, "dropout": 0.1}}}),
    "none": ("roberta", "TextEncoder", {}),
}
STOP = "--trainer.callbacks+={class_path: tests.tasks.accidents.StopsAt, init_args: {step: 3}}"


def _encoders(folder: Path) -> dict[str, dict[str, object]]:
    return {
        name: {"class_path": kind, "init_args": {"checkpoint": str(folder / checkpoint), **layers}, **training}
        for name, (checkpoint, kind, training) in TRAINED.items()
        for layers in ({"layer": [0, 2], "join": "side_by_side"} if name == "none" else {},)
    }


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("trained")
    for checkpoint in {checkpoint for checkpoint, *_ in TRAINED.values()}:
        build(checkpoint, folder / checkpoint)
    summed = {"class_path": "vibespeaker.models.LayerWeightedSum", "init_args": {"layers": 2}}
    arguments = {
        "encoders": _encoders(folder),
        "network": {"init_args": {"frame_networks": {"none": summed}}},
        "checkpoints": {"monitor": "val/loss", "mode": "min", "every_batches": 1},
        "schedule": {"warmup_epochs": 0.5, "minimum": 0.001},
    }
    return yaml.safe_dump(
        {"data": {"init_args": {"cache": None}}, "model": {"init_args": arguments}, "trainer": {"max_epochs": 2}},
        sort_keys=False,
    )


def test_a_run_of_every_kind_of_training(run: Run, spoken: Toy, config: str, tmp_path: Path) -> None:
    undisturbed = run("fit", "--name=undisturbed", data=spoken, config=config)
    _rates_keep_their_ratios(undisturbed)
    _layers_are_weighed(undisturbed)
    path = checkpoint_path(undisturbed.folder, "last")
    _only_what_was_trained_is_kept(undisturbed, path)
    with pytest.raises(AccidentError):
        run("fit", STOP, data=spoken, config=config)
    assert_same_state(run("fit", "--ckpt_path=last", data=spoken, config=config).folder, undisturbed.folder)
    _recognises_as_it_predicted(run, spoken, config, path, tmp_path)


def _rates_keep_their_ratios(done: TrainerCLI) -> None:
    (optimizer,) = done.trainer.optimizers
    groups = {group["name"]: group for group in optimizer.param_groups}
    names = ["network", "all.0", "all.1", "all.2", "all.3", "top"]
    assert list(groups) == names
    assert [groups[name]["initial_lr"] for name in names] == [0.01, 0.00125, 0.0025, 0.005, 0.01, 0.002]
    # four steps, the last one at the minimum of the optimiser's own rate
    assert [groups[name]["lr"] / groups[name]["initial_lr"] for name in names] == pytest.approx([0.1] * 6)


def _layers_are_weighed(done: TrainerCLI) -> None:
    weights = layer_weights(done.model)
    assert list(weights) == ["layers/none/0", "layers/none/2"]
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["layers/none/0"] != pytest.approx(0.5, abs=1e-6)
    logged = read_logs(done.folder).curves
    assert logged["layers/none/2"].values[-1] == pytest.approx(weights["layers/none/2"])
    assert len(logged["lr/all.0"].values) == 4


def _only_what_was_trained_is_kept(done: TrainerCLI, path: Path) -> None:
    live, checkpoint = done.model.live, open_checkpoint(path)
    kept = {key for key in checkpoint.content["state_dict"] if key.startswith("live.")}
    trained = {f"live.{name}" for name, weight in live.named_parameters() if weight.requires_grad}
    assert kept == trained
    assert all("lora_" in key for key in kept if ".trained.lora." in key)
    assert not [key for key in kept if ".trained.none." in key]
    rests = {name: encoder.rest_sha256 for name, encoder in checkpoint.provenance.encoders.items()}
    assert [name for name, rest in rests.items() if rest is None] == ["none"]


def _recognises_as_it_predicted(run: Run, spoken: Toy, config: str, path: Path, tmp_path: Path) -> None:
    predicted = run("predict", f"--ckpt_path={path}", data=spoken, config=config)
    table = Predictions.read(predicted.folder / "predictions.parquet").frame
    system = open_system(path)
    system.prepare(None)
    batch = next(iter(predicted.datamodule.predict_dataloader()))
    with torch.no_grad():
        answer = system.answer(batch)
    rows = table.iloc[batch.rows.numpy()]
    torch.testing.assert_close(
        answer.attributes.double(),
        torch.tensor(rows[["arousal", "valence", "dominance"]].to_numpy()).double(),
        rtol=1e-4,
        atol=1e-5,
    )
    other = open_system(path)
    spec = other.provenance.encoders["top"].spec["init_args"]
    spec["checkpoint"] = str(build("wav2vec2", tmp_path / "other"))  # another network where one layer was trained
    with pytest.raises(CheckpointError, match="encoder top was trained from other weights than those at hand"):
        other.prepare(None)
