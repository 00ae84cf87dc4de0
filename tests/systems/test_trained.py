"""A trained model from its checkpoint: the network's own numbers, without the trainer, and finite ones only."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.systems.trained import NETWORK, batch, write
from vibespeaker.batch import EmotionBatch
from vibespeaker.errors import CheckpointError, PredictionsError
from vibespeaker.labels import LabelSet
from vibespeaker.models import LateFusion, StatisticsPooling
from vibespeaker.models.building import build_network
from vibespeaker.models.checkpoint import open_checkpoint
from vibespeaker.provenance import CHECKPOINT_KEY
from vibespeaker.systems import System, TrainedModel, open_system


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("trained") / "best.ckpt")


@pytest.fixture
def system(path: Path) -> TrainedModel:
    return TrainedModel.from_checkpoint(path)


def test_it_answers_as_its_network(path: Path, system: TrainedModel) -> None:
    assert isinstance(system, System)
    stored = open_checkpoint(path)
    assert (system.identity, system.provenance, system.heads) == (
        stored.sha256,
        stored.provenance,
        ("categories", "attributes"),
    )
    network = LateFusion(stored.provenance.encoder_dims, 8, pooling=StatisticsPooling).eval()
    network.load_state_dict(stored.state("network."))
    frames = batch(stored.provenance.encoder_dims)
    system.prepare(stored.provenance.encoders)
    answer, expected = system.answer(frames), network(frames.frames)
    assert torch.equal(answer.logits, expected.logits)
    assert torch.equal(answer.attributes, expected.attributes)


def test_the_file_is_opened_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = []
    load = torch.load

    def count(file, **options):
        files.append(file)
        assert file.name == str(path)
        return load(file, **options)

    monkeypatch.setattr(torch, "load", count)
    monkeypatch.setattr(Path, "read_bytes", None)
    TrainedModel.from_checkpoint(path)
    assert len(files) == 1


def test_audio_and_texts_answer_as_their_frames(system: TrainedModel) -> None:
    heard = EmotionBatch.of_inputs((torch.randn(9_000) * 0.1, torch.randn(5_000) * 0.1), ("so it is", ""))
    system.prepare(None)
    frames = system.live(heard)
    live = system.answer(heard)
    cached = system.network(frames)
    assert torch.equal(live.logits, cached.logits)
    assert not live.logits.requires_grad or torch.is_grad_enabled()


def test_frames_of_other_encoders_are_refused(system: TrainedModel) -> None:
    encoders = dict(system.provenance.encoders)
    with pytest.raises(CheckpointError, match="other encoders than the data provides"):
        system.prepare({"read": encoders["read"]})
    with pytest.raises(CheckpointError, match="encoder hear is not the one"):
        system.prepare({**encoders, "hear": encoders["read"]})


def test_it_answers_in_fewer_classes_and_back(system: TrainedModel) -> None:
    frames = batch(system.provenance.encoder_dims)
    everything = system.answer(frames).logits
    few = LabelSet("two", ("neutral", "anger"))
    system.restrict_classes(few)
    assert torch.equal(system.answer(frames).logits, everything[:, [7, 0]])
    assert system.provenance.labels == few
    system.restrict_classes(LabelSet("one", ("fear",)))
    assert torch.equal(system.answer(frames).logits, everything[:, [4]])
    with pytest.raises(CheckpointError, match=r"lacks these classes\. Found: calm\. Allowed: anger, sadness"):
        system.restrict_classes(LabelSet("other", ("calm", "anger")))


@pytest.mark.parametrize(("rows", "head"), [(slice(0, 8), "categories"), (slice(8, 11), "attributes")])
def test_an_answer_is_finite_or_an_error(system: TrainedModel, rows: slice, head: str) -> None:
    system.network.outputs[0].linear.weight.data[rows] = float("nan")
    with pytest.raises(PredictionsError, match=rf"best\.ckpt gives {head} that are not finite"):
        system.answer(batch(system.provenance.encoder_dims))


def test_weights_that_changed_since_they_were_saved_are_refused(tmp_path: Path) -> None:
    def flip_a_bit(made: dict) -> None:
        weight = made["state_dict"]["network.outputs.0.linear.weight"].view(torch.uint8)
        weight[0, 0] ^= 1

    with pytest.raises(CheckpointError, match=r"weights in .*flipped\.ckpt are not those that were saved"):
        open_system(write(tmp_path / "flipped.ckpt", flip_a_bit))


def test_an_older_checkpoint_without_a_hash_loads_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    open_system(write(tmp_path / "old.ckpt", lambda made: made[CHECKPOINT_KEY].pop("weights_sha256")))
    assert "written before weights carried a hash" in caplog.text


def test_a_trained_encoder_is_not_replaced_by_frames_from_a_cache(tmp_path: Path) -> None:
    def train_hear(made: dict) -> None:
        made[CHECKPOINT_KEY]["encoders"]["hear"]["trained"] = True

    system = open_system(write(tmp_path / "trained.ckpt", train_hear))
    frozen = TrainedModel.from_checkpoint(write(tmp_path / "frozen.ckpt")).provenance.encoders
    with pytest.raises(CheckpointError, match=r"encoder hear was trained with the checkpoint.*cache: null"):
        system.prepare(frozen)


def test_built_networks_take_no_gradient_mode_or_randomness_from_anywhere(path: Path) -> None:
    stored = open_checkpoint(path)
    networks = [build_network(NETWORK, stored.provenance, stored.state("network."), path) for _ in range(2)]
    assert not networks[0].training
    for first, second in zip(*(network.state_dict().values() for network in networks), strict=True):
        assert torch.equal(first, second)
        assert not first.is_meta


@pytest.mark.slow
def test_recognition_needs_no_trainer(path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from vibespeaker.recognizer.system import Recognizer
import numpy as np
found = Recognizer.open(Path({str(path)!r})).recognize_samples(np.ones(8000, np.float32) * .01, "so")
assert found.category is not None
print([name for name in ("lightning", "torchmetrics", "vibespeaker.tasks", "transformers") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
