"""Encoders inside the model: the same frames as from the cache, trained when asked."""

from pathlib import Path

import pytest
import torch
import yaml

from tests.checkpoints import build
from tests.tasks.conftest import EMBEDDED, Run, live_config
from tests.toy import Toy
from vibespeaker.config_files import find_config
from vibespeaker.encoders.specs import build_encoders
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.models.checkpoint import read_checkpoint
from vibespeaker.predictions import Predictions
from vibespeaker.systems import open_system
from vibespeaker.tasks import EmotionTask


def test_live_equals_cached(run: Run, spoken: Toy) -> None:
    trained = run("fit", "--trainer.max_epochs=1", data=spoken)
    assert trained.model.live is None
    best = f"--ckpt_path={checkpoint_path(trained.folder, 'last')}"
    cached = run("validate", best, data=spoken).trainer.callback_metrics
    live = run("validate", best, data=spoken, config=live_config(EMBEDDED))
    assert live.model.live is not None
    assert live.config.validate.data.init_args.cache is None
    for name in ("val/loss", "val/ccc_arousal", "val/macro_f1"):
        torch.testing.assert_close(live.trainer.callback_metrics[name], cached[name], rtol=2e-2, atol=5e-3)
    assert float(live.trainer.callback_metrics["val/loss"]) != float(cached["val/loss"])  # float32 beside bfloat16


def test_a_cache_beside_live_encoders_is_refused(run: Run, spoken: Toy) -> None:
    both = live_config(EMBEDDED).replace("cache: null", f"cache: {spoken.cache}")
    with pytest.raises(ConfigError, match=r"data\.init_args\.cache and model\.init_args\.encoders both say"):
        run("fit", data=spoken, config=both)


def test_live_frames_equal_cached_frames(run: Run, spoken: Toy) -> None:
    run("fit", "--trainer.max_epochs=1", data=spoken)
    live = run("validate", data=spoken, config=live_config(EMBEDDED))
    cached = run("validate", data=spoken)
    heard, read = next(iter(live.datamodule.val_dataloader())), next(iter(cached.datamodule.val_dataloader()))
    assert heard.rows.tolist() == read.rows.tolist()
    frames = live.model.live(heard)
    assert list(frames) == list(EMBEDDED)
    for name, expected in read.frames.items():
        assert frames[name].lengths.tolist() == expected.lengths.tolist()
        torch.testing.assert_close(frames[name].values.bfloat16(), expected.values, rtol=8e-3, atol=1e-3)


def test_frozen_encoders_stay_out_of_optimiser_and_checkpoint(run: Run, spoken: Toy) -> None:
    trained = run("fit", "--trainer.max_epochs=1", data=spoken, config=live_config(EMBEDDED))
    saved = read_checkpoint(checkpoint_path(trained.folder, "last"))
    assert all(key.startswith(("network.", "loss.")) for key in saved["state_dict"])
    assert list(saved["vibespeaker"]["encoders"]) == list(EMBEDDED)
    assert saved["vibespeaker"]["cache"] is None
    assert not trained.model.live.encoder("descriptors").training
    loaded = EmotionTask.load_from_checkpoint(checkpoint_path(trained.folder, "last"))
    assert loaded.live is not None
    assert loaded.provenance == trained.model.provenance


def test_live_encoders_of_another_kind_are_refused(run: Run, spoken: Toy) -> None:
    trained = run("fit", "--trainer.max_epochs=1", data=spoken)
    other = {**EMBEDDED, "words": {**EMBEDDED["words"], "init_args": {"dim": 16, "seed": 1}}}
    with pytest.raises(CheckpointError, match=r"encoder words is not the one.*\"seed\": 1"):
        run(
            "validate", f"--ckpt_path={checkpoint_path(trained.folder, 'last')}", data=spoken, config=live_config(other)
        )


@pytest.mark.slow
def test_unfrozen_encoders_are_trained_and_saved(run: Run, spoken: Toy, tmp_path: Path) -> None:
    checkpoint = str(build("wavlm", tmp_path / "wavlm"))
    encoders = {
        "wavlm": {
            "class_path": "vibespeaker.encoders.SpeechEncoder",
            "init_args": {"checkpoint": checkpoint},
            "train": "all",
        },
        "words": EMBEDDED["words"],
    }
    trained = run("fit", "--trainer.max_epochs=1", data=spoken, config=live_config(encoders))
    encoder = trained.model.live.encoder("wavlm")
    before = build_encoders({"wavlm": encoders["wavlm"]})["wavlm"].state_dict()
    moved = [name for name, weight in encoder.named_parameters() if not torch.equal(weight, before[name])]
    assert len(moved) > len(before) / 2
    saved = read_checkpoint(checkpoint_path(trained.folder, "last"))
    keys = [key for key in saved["state_dict"] if key.startswith("live.trained.wavlm.")]
    assert len(keys) == len([weight for weight in encoder.parameters() if weight.requires_grad])
    assert "live.trained.wavlm.network.masked_spec_embed" not in keys
    assert len(saved["optimizer_states"][0]["state"]) > len(list(trained.model.network.parameters()))
    loaded = EmotionTask.load_from_checkpoint(checkpoint_path(trained.folder, "last"))
    for name, weight in encoder.state_dict().items():
        torch.testing.assert_close(loaded.live.encoder("wavlm").state_dict()[name], weight, rtol=0, atol=0)
    _make_old(checkpoint_path(trained.folder, "last"), encoder)
    again = run("validate", "--ckpt_path=last", data=spoken, config=live_config(encoders)).trainer.callback_metrics
    torch.testing.assert_close(again["val/loss"], trained.trainer.callback_metrics["val/loss"])
    system = open_system(checkpoint_path(trained.folder, "last"))
    system.prepare(None)
    torch.testing.assert_close(system.live.encoder("wavlm").state_dict(), encoder.state_dict(), rtol=0, atol=0)


def _make_old(path: Path, encoder: torch.nn.Module) -> None:
    """Write a checkpoint as it was before `train`: with all weights of its encoder, and no hash of the rest."""
    content = torch.load(path, weights_only=True)
    own = {name: weight for name, weight in encoder.named_parameters()}
    content["state_dict"] |= {f"live.trained.wavlm.{name}": weight.detach() for name, weight in own.items()}
    stored = content["vibespeaker"]
    del stored["weights_sha256"], stored["encoders"]["wavlm"]["rest_sha256"]
    for spec in (stored["encoders"]["wavlm"]["spec"], content["hyper_parameters"]["encoders"]["wavlm"]):
        del spec["train"]
        spec["init_args"]["unfreeze"] = True
    torch.save(content, path)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "score"), [("baseline-task1", "val/macro_f1"), ("baseline-task2", "val/ccc_mean")])
def test_the_organisers_baseline_is_fine_tuned(run: Run, spoken: Toy, tmp_path: Path, name: str, score: str) -> None:
    spec = yaml.safe_load(find_config("model/baseline").read_text())["model"]["init_args"]["encoders"]["wavlm"]
    assert (spec["init_args"], spec["train"]) == ({"checkpoint": "microsoft/wavlm-large"}, "transformer")
    spec["init_args"]["checkpoint"] = str(build("wavlm", tmp_path / "wavlm"))
    config = {
        "bases": [str(find_config(f"experiment/{name}"))],
        "trainer": {"accelerator": "cpu", "precision": "32-true", "max_epochs": 1, "accumulate_grad_batches": 2},
        "model": {"init_args": {"encoders": {"wavlm": spec}}},
        "data": {"init_args": {"manifest": str(spoken.manifest)}},
    }
    trained = run("fit", data=spoken, config=yaml.safe_dump(config, sort_keys=False))
    assert score in trained.trainer.callback_metrics
    assert trained.trainer.global_step == 1  # two batches, of 8 and of 4, make one step
    assert any(parameter.requires_grad for parameter in trained.model.live.parameters())
    table = trained.folder / "predictions.parquet"
    run("predict", data=spoken, config=yaml.safe_dump(config, sort_keys=False))
    assert Predictions.read(table).has_categories == (name == "baseline-task1")
