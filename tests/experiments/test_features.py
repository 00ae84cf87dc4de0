"""Networks over hand-crafted features: one through the cache and back as a system, a few steps live for the others."""

from pathlib import Path

import pytest
import torch

from tests.experiments.conftest import Fit, resolved
from vibespeaker.extract import extract
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.predictions import Predictions
from vibespeaker.recognizer.system import Recognizer

FEATURES = ("cnn1d", "features2376", "features2376-narrow")
_FRAMES = {"frames": {"class_path": "vibespeaker.encoders.HandcraftedFrames"}}
_NARROW = {"class_path": "vibespeaker.models.FeatureCNN", "init_args": {"channels": [4, 4, 4, 4, 2], "dense": 8}}


@pytest.mark.slow
def test_cnn1d_from_cache_to_recognition(fit: Fit, spoken: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert extract(spoken, Path("encoders/handcrafted"), cache, dtype="float32", device="cpu", workers=0) == 0
    option = f"--data.init_args.cache={cache}"
    trained = fit("fit", "cnn1d", option)
    assert trained.model.penalty.l1 == trained.model.penalty.l2 == 1e-5
    (group,) = trained.trainer.optimizers[0].param_groups
    assert (group["lr"], group["weight_decay"]) == (1e-3, 0)
    assert int(trained.model.network.poolings[0].standard.count) == 12
    resumed = fit("fit", "cnn1d", option, "--trainer.max_epochs=2", "--ckpt_path=last")
    assert resumed.trainer.global_step == 4
    predicted = fit("predict", "cnn1d", option)
    frame = Predictions.read(predicted.folder / "predictions.parquet").frame
    path = checkpoint_path(predicted.folder, "best")  # which predict takes
    answers = Recognizer(str(path))([str(spoken.parent / f"{name[-3:]}.wav") for name in frame.utterance_id])
    logits = torch.tensor(frame.filter(like="logit_").to_numpy())
    probabilities = logits.softmax(1)
    for answer, expected in zip(answers, probabilities, strict=True):
        torch.testing.assert_close(
            torch.tensor(list(answer.probabilities.values())), expected.float(), rtol=1e-3, atol=1e-4
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", FEATURES[1:])
def test_the_large_network_trains_live(name: str, fit: Fit) -> None:
    changes = {
        "data": {"init_args": {"cache": None, "encoders": None}},
        "model": {"init_args": {"encoders": _FRAMES, "network": {"init_args": {"pooling": _NARROW}}}},
    }
    trained = fit("fit", name, changes=changes)
    assert trained.trainer.global_step == 2
    assert "val/ua_plus_wa" in trained.trainer.callback_metrics


def test_settings_are_those_that_are_described() -> None:
    cnn1d = resolved("cnn1d")
    assert (cnn1d["trainer"]["max_epochs"], cnn1d["data"]["init_args"]["batch_size"]) == (10, 32)
    assert cnn1d["model"]["init_args"]["optimizer"]["init_args"] == {"lr": 1e-3, "weight_decay": 0}
    assert cnn1d["model"]["init_args"]["network"]["init_args"]["pooling"]["class_path"].endswith("CNN1d")
    wide = resolved("features2376")["model"]["init_args"]["network"]["init_args"]["pooling"]
    assert wide == {"class_path": "vibespeaker.models.FeatureCNN"}
    narrow = resolved("features2376-narrow")["model"]["init_args"]["network"]["init_args"]["pooling"]["init_args"]
    assert (narrow["channels"], narrow["dense"]) == ([64, 64, 32, 32, 16], 64)
