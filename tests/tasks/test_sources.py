"""Cached and live encoders side by side in one model: one place decides, the run records it, and all of it is used."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from tests.checkpoints import build
from tests.tasks.conftest import EMBEDDED, Run
from tests.toy import Toy
from vibespeaker.audio.augmentation import read_recipe
from vibespeaker.cache import EmbeddingCache
from vibespeaker.data.sampler import Shard
from vibespeaker.errors import ConfigError
from vibespeaker.extract import extract
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.models.live import LiveEncoders
from vibespeaker.predictions import Predictions
from vibespeaker.systems import open_system
from vibespeaker.tasks import EmotionDataModule

NOISE = "seed: 3\nnoise: {probability: 1.0}\nreverberation: {probability: 0.0}\n"


def _config(live: dict[str, dict[str, object]], **data: object) -> str:
    config = {"data": {"init_args": data}, "model": {"init_args": {"encoders": live}}}
    return yaml.safe_dump(config, sort_keys=False)


def test_one_encoder_from_the_cache_beside_one_that_is_trained(run: Run, spoken: Toy, tmp_path: Path) -> None:
    hubert = {"class_path": "SpeechEncoder", "init_args": {"checkpoint": str(build("hubert", tmp_path / "hubert"))}}
    config = _config({"hubert": {**hubert, "train": {"top": 1}}}, encoders=["words"])
    trained = run("fit", "--trainer.max_epochs=1", data=spoken, config=config)
    path = checkpoint_path(trained.folder, "last")
    batch = next(iter(trained.datamodule.train_dataloader()))
    assert (list(batch.frames), len(batch.audio), batch.texts) == (["words"], len(batch), ())
    recorded = trained.model.provenance.encoders
    assert {name: (one.live, one.trained) for name, one in recorded.items()} == {
        "words": (False, False),
        "hubert": (True, True),
    }
    assert trained.model.provenance.cache is not None
    expected = _answers(run("predict", data=spoken, config=config).folder / "predictions.parquet")

    fixed = f"--model={{class_path: vibespeaker.tasks.SystemTask, init_args: {{source: {path}}}}}"
    (tmp_path / "empty.yaml").write_text("name: toy\n")
    again = run("predict", fixed, f"--out={tmp_path / 'again.parquet'}", data=spoken)
    assert list(again.model.system.live.specs) == ["hubert"]
    np.testing.assert_allclose(_answers(tmp_path / "again.parquet"), expected, atol=1e-5)

    alone = open_system(path)
    assert list(alone.prepare(None)) == ["words", "hubert"]
    live = EmotionDataModule(spoken.manifest)
    with torch.no_grad():
        batch = next(iter(live.predict_dataloader()))
        answer = alone.answer(batch).attributes.numpy()
    np.testing.assert_allclose(answer, expected[batch.rows], atol=2e-2)  # float32 beside bfloat16


def _answers(path: Path) -> np.ndarray:
    return Predictions.read(path).frame[["arousal", "valence", "dominance"]].to_numpy()


def test_an_encoder_of_the_model_stands_for_the_cached_one(spoken: Toy) -> None:
    cached = EmotionDataModule(spoken.manifest, spoken.cache)
    data = EmotionDataModule(spoken.manifest, spoken.cache)
    live = LiveEncoders({"descriptors": EMBEDDED["descriptors"]})
    data.adopt_encoders(live.provenance())
    assert list(data.provenance.encoders) == list(cached.provenance.encoders) == ["descriptors", "words"]
    batch, whole = next(iter(data.predict_dataloader())), next(iter(cached.predict_dataloader()))
    assert list(batch.frames) == ["words"]
    order = [whole.rows.tolist().index(row) for row in batch.rows.tolist()]
    frames = live(batch)["descriptors"]
    expected = whole.frames["descriptors"].values[order][:, : frames.values.shape[1]]
    torch.testing.assert_close(frames.values.bfloat16(), expected, rtol=8e-3, atol=1e-3)


def test_what_only_reads_texts_hears_nothing(spoken: Toy) -> None:
    data = EmotionDataModule(spoken.manifest, spoken.cache, encoders=["descriptors"])
    data.adopt_encoders(LiveEncoders({"words": EMBEDDED["words"]}).provenance())
    batch = next(iter(data.predict_dataloader()))
    assert (batch.audio, len(batch.texts)) == ((), len(batch))


def test_an_encoder_that_is_wanted_from_both_places_is_refused(spoken: Toy) -> None:
    data = EmotionDataModule(spoken.manifest, spoken.cache, encoders=["descriptors", "words"])
    data.adopt_encoders(LiveEncoders({"words": EMBEDDED["words"]}).provenance())
    with pytest.raises(ConfigError, match=r"both say where frames come from. Found: encoder words"):
        _ = data.provenance


def test_live_audio_has_the_views_of_the_cache(spoken: Toy, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(NOISE)
    encoders = tmp_path / "encoders.yaml"
    encoders.write_text(yaml.safe_dump(EMBEDDED, sort_keys=False))
    cache = tmp_path / "cache"
    options = {"device": "cpu", "workers": 0, "views": 1, "augmentation": recipe}
    assert extract(spoken.manifest, encoders, cache, **options) == 0
    assert EmbeddingCache.open(cache).recipe.augmentation == read_recipe(recipe).identity()

    batches = {}
    live = LiveEncoders({"descriptors": EMBEDDED["descriptors"]})
    for name in ("cached", "live"):
        data = EmotionDataModule(spoken.manifest, cache, batch_size=12, seed=1, augmentation=recipe)
        if name == "live":
            data.adopt_encoders(live.provenance())
        batches[name] = next(iter(data.train_dataloader()))
    order = [batches["cached"].rows.tolist().index(row) for row in batches["live"].rows.tolist()]
    frames = live(batches["live"])["descriptors"]
    expected = batches["cached"].frames["descriptors"].values[order]
    torch.testing.assert_close(frames.values.bfloat16(), expected, rtol=8e-3, atol=2e-3)

    for given, problem in ((None, "would hear the clean recordings"), ("augmentation/speed", "is not the recipe of")):
        data = EmotionDataModule(spoken.manifest, cache, augmentation=given)
        data.adopt_encoders(live.provenance())
        with pytest.raises(ConfigError, match=problem):
            data.train_dataloader()


def test_fresh_views_follow_from_seed_epoch_and_utterance(spoken: Toy, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(NOISE)

    def heard(epoch: int, seed: int = 1, shards: int = 1, workers: int = 0) -> dict[int, torch.Tensor]:
        found = {}
        for rank in range(shards):
            data = EmotionDataModule(spoken.manifest, seed=seed, augmentation=recipe, batch_size=6, workers=workers)
            data._shard = lambda rank=rank: Shard(rank, shards)
            loader = data.train_dataloader()
            loader.load_state_dict({"epoch": epoch, "batches": 0})
            for batch in loader:
                found |= dict(zip(batch.rows.tolist(), batch.audio, strict=True))
        return found

    first = heard(0)
    assert len(first) == 12
    for other in (heard(0), heard(0, shards=2)):
        assert all(torch.equal(other[row], samples) for row, samples in first.items())
    for other in (heard(1), heard(0, seed=2)):
        assert not any(torch.equal(other[row], samples) for row, samples in first.items())
    clean = EmotionDataModule(spoken.manifest, augmentation=recipe).val_dataloader()
    plain = EmotionDataModule(spoken.manifest).val_dataloader()
    assert all(torch.equal(a, b) for a, b in zip(next(iter(clean)).audio, next(iter(plain)).audio, strict=True))
