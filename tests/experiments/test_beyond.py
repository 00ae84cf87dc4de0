"""The parts of the 2025 winners together: what the experiments say, on small random checkpoints of the real classes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.experiments.conftest import Fit, resolved
from vibespeaker.config_files import find_config
from vibespeaker.encoders.specs import read_specs
from vibespeaker.models import AttentiveStatisticsPooling, GatedFusion, LayerWeightedSum, MultiEncoderModel
from vibespeaker.models.averaging import average
from vibespeaker.models.checkpoint import read_checkpoint
from vibespeaker.systems import open_system

BEYOND = ["beyond-task1", "beyond-task2"]


def changes(name: str, tiny: Callable[[str], Path]) -> dict[str, Any]:
    """Return the experiment with small encoders, all inside the model, and a small network."""
    said = resolved(name)["model"]["init_args"]
    wavlm = said["encoders"]["wavlm"]
    assert wavlm["init_args"]["join"] == "side_by_side"
    cached = read_specs(find_config("encoders/published"))
    specs = {"whisper": cached["whisper"], "roberta": cached["roberta"], "wavlm": wavlm}
    for encoder, kind in {"whisper": "whisper", "roberta": "roberta", "wavlm": "wavlm"}.items():
        specs[encoder] = {**specs[encoder], "init_args": {"checkpoint": str(tiny(kind))}}
    specs["wavlm"]["init_args"] |= {"layer": [1, 2], "join": "side_by_side"}
    network = said["network"]["init_args"]
    network["frame_networks"]["wavlm"]["init_args"]["layers"] = 2
    network["cross_attention"]["init_args"] |= {"attention_dim": 8, "heads": 2}
    network["fusion"]["init_args"]["hidden_dim"] = 6
    network["projection_dim"] = 6
    data = {"cache": None, "encoders": None, "augmentation": None}
    return {"data": {"init_args": data}, "model": {"init_args": {"encoders": specs, "network": said["network"]}}}


@pytest.mark.slow
@pytest.mark.filterwarnings("default:\\s*Unable to serialize")  # as it is outside the tests
@pytest.mark.parametrize("name", BEYOND)
def test_all_parts_train_together(name: str, fit: Fit, tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    epochs = 2 if name == "beyond-task1" else 1
    done = fit("fit", name, f"--trainer.max_epochs={epochs}", changes=changes(name, tiny_checkpoint))
    task, data = done.model, done.datamodule
    assert done.trainer.global_step == 2 * epochs
    assert isinstance(task.network, MultiEncoderModel)
    assert isinstance(task.network.fusion, GatedFusion)
    assert isinstance(task.network.frame_networks[2], LayerWeightedSum)
    assert isinstance(task.network.poolings[0], AttentiveStatisticsPooling)
    assert {one: list(others) for one, others in task.network.cross_attention.attends.items()} == {
        "whisper": ["roberta"],
        "roberta": ["whisper", "wavlm"],
        "wavlm": ["roberta"],
    }
    learnt = [parameter for parameter, weight in task.live.named_parameters() if weight.requires_grad]
    assert learnt
    assert all("lora" in parameter for parameter in learnt)
    assert (task.mixup.alpha, task.mixup.probability) == (0.4, 0.3)
    assert (data.draw.balance, data.draw.balanced_epochs) == (1.0, 10)
    assert (data.policy.no_agreement, data.policy.other) == ("soft", "soft")
    assert set(task.loss.weights) == {"votes", "concordance", "squares", "gender"}
    assert task.provenance.heads["gender"].classes == ("female", "male")
    monitored = "val/macro_f1" if name == "beyond-task1" else "val/ccc_mean"
    assert list(task.checkpoint_rule.monitors) == [monitored]
    if epochs == 1:  # the tasks differ in weights and score alone
        return
    assert average([done.folder], out=tmp_path / "mean.ckpt") == 0
    mean = read_checkpoint(tmp_path / "mean.ckpt")["state_dict"]
    assert any("lora" in weight for weight in mean)
    system = open_system(tmp_path / "mean.ckpt")
    system.prepare(None)
    with torch.no_grad():
        answer = system.answer(next(iter(data.val_dataloader())))
    assert answer.logits.isfinite().all()
    assert answer.heads["gender"].shape[1] == 2
