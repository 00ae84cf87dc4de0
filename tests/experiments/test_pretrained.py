"""HuBERT, BERT, WavLM and RoBERTa: what each experiment trains, on small random checkpoints of the real classes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.experiments.conftest import Fit, resolved
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.models.checkpoint import open_checkpoint
from vibespeaker.systems import open_system
from vibespeaker.systems.folder import read_model_folder
from vibespeaker.systems.sharing.command import export

#: Experiment → what its encoders train.
TRAINED: dict[str, dict[str, Any]] = {
    "hubert-frozen": {},
    "hubert-partial": {"hubert": "transformer"},
    "hubert-entire": {"hubert": "all"},
    "hubert-top2": {"hubert": {"convolutions": 2}},
    "hubert-bert-audio": {"hubert": "transformer"},
    "hubert-bert-text": {"bert": "all"},
    "hubert-bert": {"hubert": "transformer", "bert": "all"},
    "hubert-bert-separate": {"hubert": "transformer", "bert": "all"},
    "wavlm-gelu": {},
    "wavlm-gelu-transformer": {"wavlm": "transformer"},
    "text-roberta": {"roberta": "all"},
}
_KINDS = {"hubert": "hubert-base", "wavlm": "wavlm-base", "bert": "bert", "roberta": "roberta"}
_CLASSES = {"hubert": "SpeechEncoder", "wavlm": "SpeechEncoder", "bert": "TextEncoder", "roberta": "TextEncoder"}


def changes(name: str, tiny: Callable[[str], Path]) -> dict[str, Any]:
    """Return the experiment's encoders with small checkpoints; frozen ones live in place of cached."""
    said = resolved(name)
    specs = said["model"]["init_args"].get("encoders") or {
        one: {"class_path": f"vibespeaker.encoders.{_CLASSES[one]}"} for one in said["data"]["init_args"]["encoders"]
    }
    for encoder, spec in specs.items():
        spec["init_args"] = {**spec.get("init_args", {}), "checkpoint": str(tiny(_KINDS[encoder]))}
    data = {"init_args": {"cache": None, "encoders": None}}
    return {"data": data, "model": {"init_args": {"encoders": specs, "init_encoders": None}}}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TRAINED if not name.startswith("hubert-bert")])
def test_an_experiment_trains_what_it_says(name: str, fit: Fit, tiny_checkpoint: Callable[[str], Path]) -> None:
    done = fit("fit", name, changes=changes(name, tiny_checkpoint))
    assert done.trainer.global_step == 2
    _trains(done.model.live, name)


@pytest.mark.slow
def test_hubert_and_bert_go_on_from_what_was_tuned_alone(
    fit: Fit, tiny_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    tuned = {}
    for name in ("hubert-bert-audio", "hubert-bert-text"):
        done = fit("fit", name, changes=changes(name, tiny_checkpoint))
        _trains(done.model.live, name)
        tuned[name] = checkpoint_path(done.folder, "last")
    _is_shared(tuned["hubert-bert-text"], done, tmp_path)
    started = {"hubert": str(tuned["hubert-bert-audio"]), "bert": str(tuned["hubert-bert-text"])}
    for name, kept in (("hubert-bert", ["hubert"]), ("hubert-bert-separate", ["hubert", "bert"])):
        both = changes(name, tiny_checkpoint)
        both["model"]["init_args"]["init_encoders"] = {encoder: started[encoder] for encoder in kept}
        both["model"]["init_args"]["optimizer"] = {"class_path": "torch.optim.AdamW", "init_args": {"lr": 0.0}}
        done = fit("fit", name, changes=both)
        _trains(done.model.live, name)
        assert done.model.network.head.linear.in_features == 48
        for encoder in kept:
            own = done.model.live.trained[encoder].state_dict()
            for key, value in open_checkpoint(Path(started[encoder])).state(f"live.trained.{encoder}.").items():
                torch.testing.assert_close(own[key], value, rtol=0, atol=0)
    both["model"]["init_args"]["init_encoders"] = {"hubert": started["bert"]}
    with pytest.raises(CheckpointError, match="no weights of encoder hubert"):
        fit("fit", "hubert-bert", "--name=other", changes=both)
    both["model"]["init_args"]["encoders"]["hubert"].pop("train")
    with pytest.raises(ConfigError, match="an encoder that is not trained"):
        fit("fit", "hubert-bert", "--name=frozen", changes=both)


def _is_shared(checkpoint: Path, done: Any, tmp_path: Path) -> None:
    """Export a system as a folder, take its encoder's checkpoint away, and let the folder answer the same."""
    folder = tmp_path / "shared"
    export(str(checkpoint), out=folder)
    assert {path.name for path in (folder / "encoders" / "bert").iterdir()} >= {"config.json", "tokenizer.json"}
    batch = next(iter(done.datamodule.val_dataloader()))
    original = open_system(checkpoint)
    original.prepare(None)
    shared = read_model_folder(folder)
    assert shared.provenance.encoders["bert"].spec["init_args"]["checkpoint"] == str(folder / "encoders" / "bert")
    shared.prepare(None)
    with torch.no_grad():
        torch.testing.assert_close(shared.answer(batch).logits, original.answer(batch).logits)


def _trains(live: Any, name: str) -> None:
    wanted = TRAINED[name]
    assert {encoder: spec.get("train") for encoder, spec in live.specs.items() if encoder in live.trained} == wanted
    for encoder in wanted:
        kinds = {stage.kind for stage in live.trained[encoder].stages() if stage.is_trained}
        expected = {
            "transformer": {"input", "layer"},
            "all": {"convolution", "input", "layer"} if encoder == "hubert" else {"embedding", "layer"},
        }
        train = wanted[encoder]
        assert kinds == (expected[train] if isinstance(train, str) else {"convolution"})


def test_settings_are_those_of_table_7() -> None:
    for name in TRAINED:
        said = resolved(name)
        model, batch = said["model"]["init_args"], said["data"]["init_args"]["batch_size"]
        schedule, rate = model["schedule"], model["optimizer"]["init_args"]["lr"]
        steps = said["trainer"].get("accumulate_grad_batches", 1)
        if name.startswith("hubert"):
            assert schedule == {"warmup_steps": 500, "minimum": 0.0, "shape": "linear"}
            assert (said["trainer"]["max_epochs"], batch, steps, rate) == (6, 4, 4, 5e-5)
            assert model["optimizer"]["init_args"]["weight_decay"] == 0.01
        else:
            assert schedule == {"warmup_share": 0.1, "minimum": 0.0, "shape": "linear"}
            expected = (10, 10, 5, 2e-4) if name.startswith("wavlm") else (20, 32, 1, 2e-5)
            assert (said["trainer"]["max_epochs"], batch, steps, rate) == expected
