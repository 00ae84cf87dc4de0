"""The weighted mean of systems, in float64, in the classes that all know."""

from pathlib import Path

import pytest
import torch

from tests.systems.trained import batch, write
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.labels import CHALLENGE
from vibespeaker.provenance import CHECKPOINT_KEY
from vibespeaker.systems import System
from vibespeaker.systems.opening import open_ensemble, open_system


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("members")
    return {
        "a.eight": write(folder / "a.ckpt"),
        "b": write(folder / "b.ckpt", seed=1, labels="challenge+other", corpora=("other",)),
    }


def test_means_by_head_of_members_with_different_classes(paths: dict[str, Path]) -> None:
    ensemble = open_ensemble(paths, {"valence": {"a.eight": 1.0, "b": 3.0}, "arousal": {"b": 2.0}})
    assert isinstance(ensemble, System)
    assert ensemble.provenance.labels == CHALLENGE
    assert ensemble.provenance.corpora == ("other", "toy")
    ensemble.prepare(ensemble.provenance.encoders)
    frames = batch(ensemble.provenance.encoder_dims)
    members = [open_system(path) for path in paths.values()]
    a, b = (member.answer(frames) for member in members)
    found = ensemble.answer(frames)
    expected = (a.logits.double().softmax(1) + b.logits[:, :8].double().softmax(1)) / 2
    torch.testing.assert_close(found.logits.exp(), expected, rtol=1e-12, atol=0)
    assert found.attributes.dtype == torch.float64
    first, second = a.attributes.double(), b.attributes.double()
    torch.testing.assert_close(found.attributes[:, 0], second[:, 0], rtol=1e-12, atol=0)
    torch.testing.assert_close(found.attributes[:, 1], (first + 3 * second)[:, 1] / 4, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.attributes[:, 2], (first + second)[:, 2] / 2, rtol=1e-12, atol=0)


def test_its_members_are_recorded_and_move_with_it(paths: dict[str, Path]) -> None:
    ensemble = open_ensemble(paths)
    record = ensemble.record(["asr:x@1"])["ensemble"]
    assert [member["name"] for member in record["members"]] == list(paths)
    assert record["members"][1]["provenance"]["corpora"] == ["other"]
    assert record["members"][0]["provenance"]["transcripts"] == ["asr:x@1", "human"]
    assert len(list(ensemble.parameters())) == sum(len(list(m.parameters())) for m in ensemble.members.values())


def test_wrong_weights_are_refused_before_a_member_is_read() -> None:
    with pytest.raises(ConfigError, match=r"by head and by member\. Found: c"):
        open_ensemble({"a": Path("none.ckpt")}, {"valence": {"c": 1.0}})


def test_members_heard_audio_that_was_cleaned_in_one_way(paths: dict[str, Path], tmp_path: Path) -> None:
    cleaned = write(tmp_path / "cleaned.ckpt", lambda made: made[CHECKPOINT_KEY].update(cleaning={"trim": 1}))
    with pytest.raises(CheckpointError, match="cleaned in different ways"):
        open_ensemble({**paths, "c": cleaned})
