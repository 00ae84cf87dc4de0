"""Encoders inside the model: the same frames as from the cache, trained when asked."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from tests.checkpoints import build
from tests.recordings import record
from tests.tasks.conftest import Run
from tests.toy import Toy, toy_manifest
from vibespeaker.config_files import find_config
from vibespeaker.encoders.specs import build_encoders
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.extract import extract
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.models.checkpoint import read_checkpoint
from vibespeaker.predictions import Predictions
from vibespeaker.tasks import EmotionTask

EMBEDDED = {
    "descriptors": {"class_path": "vibespeaker.encoders.AcousticDescriptors", "init_args": {"mels": 16}},
    "words": {"class_path": "vibespeaker.encoders.HashedText", "init_args": {"dim": 16}},
}


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """Half-second tones and noise with texts, and their frames from the embedded encoders."""
    folder = tmp_path_factory.mktemp("spoken")
    manifest = toy_manifest({"train": 12, "development": 5}, root=str(folder))
    random = np.random.default_rng(0)
    rows = []
    for name in manifest.column("audio"):
        samples = int(random.integers(6_000, 12_000))
        tone = np.sin(np.arange(samples) * random.uniform(0.05, 0.2)) * 0.3 + random.normal(0, 0.05, samples)
        rows.append(record(folder, Path(name).stem, tone))
    spoken = manifest.with_columns({name: [row[name] for row in rows] for name in ("audio_sha256", "duration")})
    toy = Toy(folder / "manifest.parquet", folder / "cache")
    spoken.write(toy.manifest)
    (folder / "encoders.yaml").write_text(yaml.safe_dump(EMBEDDED, sort_keys=False))
    assert extract(toy.manifest, folder / "encoders.yaml", toy.cache, device="cpu", workers=0) == 0
    return toy


def _live(encoders: dict[str, dict[str, object]]) -> str:
    config = {"data": {"init_args": {"cache": None}}, "model": {"init_args": {"encoders": encoders}}}
    return yaml.safe_dump(config, sort_keys=False)


def test_live_equals_cached(run: Run, spoken: Toy) -> None:
    trained = run("fit", "--trainer.max_epochs=1", data=spoken)
    assert trained.model.live is None
    best = f"--ckpt_path={checkpoint_path(trained.folder, 'last')}"
    cached = run("validate", best, data=spoken).trainer.callback_metrics
    live = run("validate", best, data=spoken, config=_live(EMBEDDED))
    assert live.model.live is not None
    assert live.config.validate.data.init_args.cache is None
    for name in ("val/loss", "val/ccc_arousal", "val/macro_f1"):
        torch.testing.assert_close(live.trainer.callback_metrics[name], cached[name], rtol=2e-2, atol=5e-3)
    assert float(live.trainer.callback_metrics["val/loss"]) != float(cached["val/loss"])  # float32 beside bfloat16


def test_a_cache_beside_live_encoders_is_refused(run: Run, spoken: Toy) -> None:
    both = _live(EMBEDDED).replace("cache: null", f"cache: {spoken.cache}")
    with pytest.raises(ConfigError, match=r"data\.init_args\.cache and model\.init_args\.encoders both say"):
        run("fit", data=spoken, config=both)


def test_live_frames_equal_cached_frames(run: Run, spoken: Toy) -> None:
    run("fit", "--trainer.max_epochs=1", data=spoken)
    live = run("validate", data=spoken, config=_live(EMBEDDED))
    cached = run("validate", data=spoken)
    heard, read = next(iter(live.datamodule.val_dataloader())), next(iter(cached.datamodule.val_dataloader()))
    assert heard.rows.tolist() == read.rows.tolist()
    frames = live.model.live(heard)
    assert list(frames) == list(EMBEDDED)
    for name, expected in read.frames.items():
        assert frames[name].lengths.tolist() == expected.lengths.tolist()
        torch.testing.assert_close(frames[name].values.bfloat16(), expected.values, rtol=8e-3, atol=1e-3)


def test_frozen_encoders_stay_out_of_optimiser_and_checkpoint(run: Run, spoken: Toy) -> None:
    trained = run("fit", "--trainer.max_epochs=1", data=spoken, config=_live(EMBEDDED))
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
        run("validate", f"--ckpt_path={checkpoint_path(trained.folder, 'last')}", data=spoken, config=_live(other))


@pytest.mark.slow
def test_unfrozen_encoders_are_trained_and_saved(run: Run, spoken: Toy, tmp_path: Path) -> None:
    checkpoint = str(build("wavlm", tmp_path / "wavlm"))
    encoders = {
        "wavlm": {
            "class_path": "vibespeaker.encoders.SpeechEncoder",
            "init_args": {"checkpoint": checkpoint, "unfreeze": True},
        },
        "words": EMBEDDED["words"],
    }
    trained = run("fit", "--trainer.max_epochs=1", data=spoken, config=_live(encoders))
    encoder = trained.model.live.encoder("wavlm")
    before = build_encoders({"wavlm": encoders["wavlm"]})["wavlm"].state_dict()
    moved = [name for name, weight in encoder.named_parameters() if not torch.equal(weight, before[name])]
    assert len(moved) > len(before) / 2
    saved = read_checkpoint(checkpoint_path(trained.folder, "last"))
    keys = [key for key in saved["state_dict"] if key.startswith("live.trained.wavlm.")]
    assert len(keys) == len(encoder.state_dict())
    assert len(saved["optimizer_states"][0]["state"]) > len(list(trained.model.network.parameters()))
    loaded = EmotionTask.load_from_checkpoint(checkpoint_path(trained.folder, "last"))
    for name, weight in encoder.state_dict().items():
        torch.testing.assert_close(loaded.live.encoder("wavlm").state_dict()[name], weight, rtol=0, atol=0)
    again = run("validate", "--ckpt_path=last", data=spoken, config=_live(encoders)).trainer.callback_metrics
    torch.testing.assert_close(again["val/loss"], trained.trainer.callback_metrics["val/loss"])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "score"), [("baseline-task1", "val/macro_f1"), ("baseline-task2", "val/ccc_mean")])
def test_the_organisers_baseline_is_fine_tuned(run: Run, spoken: Toy, tmp_path: Path, name: str, score: str) -> None:
    spec = yaml.safe_load(find_config("model/baseline").read_text())["model"]["init_args"]["encoders"]["wavlm"]
    assert spec["init_args"] == {"checkpoint": "microsoft/wavlm-large", "unfreeze": True}
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
