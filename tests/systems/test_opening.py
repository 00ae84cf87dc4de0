"""What a system may be named by, and what is said of everything else."""

import logging
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from tests.systems.trained import batch, write
from vibespeaker.calibration.store import calibration_path
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.labels import label_set
from vibespeaker.systems import System, open_system


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run folders: `a` has a best and a last state, `b` its last alone, `none` neither; and a lone checkpoint."""
    folder = tmp_path_factory.mktemp("place")
    for name, states in {"a": ("best", "last"), "b": ("last",), "none": ()}.items():
        (folder / "runs" / name / "checkpoints").mkdir(parents=True)
        for seed, state in enumerate(states):
            write(checkpoint_path(folder / "runs" / name, state), seed=seed + 2 * (name == "b"))
    (folder / "runs" / "none" / "config.yaml").write_text("")
    write(folder / "alone.ckpt", seed=3, labels="ravdess")
    return folder


def described(path: Path, **content: object) -> Path:
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def logits(system: System) -> torch.Tensor:
    return system.answer(batch({"hear": 16, "read": 8})).logits


def test_a_run_is_its_best_state_or_its_last(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    best, last = checkpoint_path(place / "runs" / "a", "best"), checkpoint_path(place / "runs" / "b", "last")
    for folder, used in ((place / "runs" / "a", best), (place / "runs" / "b", last)):
        found, expected = open_system(str(folder)), open_system(used)
        assert (found.file, found.identity) == (used, expected.identity)
        torch.testing.assert_close(logits(found), logits(expected), rtol=0, atol=0)
        assert f"using {used}" in caplog.text


def test_an_ensemble_is_a_file_whose_members_lie_relative_to_it(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place, tmp_path / "moved")
    weights = {"categories": {"first": 3.0, "second": 1.0}}
    members = {"first": "runs/a", "second": "runs/b/checkpoints/last.ckpt"}
    path = described(tmp_path / "moved" / "both.yaml", members=members, weights=weights)
    ensemble = open_system(path)
    assert isinstance(ensemble, System)
    a, b = (logits(open_system(place / "runs" / name)).double().softmax(1) for name in "ab")
    torch.testing.assert_close(logits(ensemble).exp(), (3 * a + b) / 4, rtol=1e-12, atol=0)
    assert ensemble.file == path
    assert calibration_path(ensemble.file).name == "both.calibration.json"
    # it is the same ensemble wherever it lies, and another one with other weights or members
    written = path.with_suffix(".json")
    shutil.copy(described(path, members=members, weights=weights), written)
    assert open_system(written).identity == ensemble.identity
    described(path, members=members)
    assert open_system(path).identity != ensemble.identity


def test_ensembles_of_ensembles(place: Path) -> None:
    inner = described(place / "inner.yaml", members={"a": "runs/a", "b": "runs/b"})
    outer = open_system(described(place / "outer.yaml", members={"inner": inner.name, "a": "runs/a"}))
    a, b = (logits(open_system(place / "runs" / name)).double().softmax(1) for name in "ab")
    torch.testing.assert_close(logits(outer).exp(), ((a + b) / 2 + a) / 2, rtol=1e-12, atol=0)
    record = outer.record([])["ensemble"]["members"]
    assert [member["name"] for member in record[0]["provenance"]["ensemble"]["members"]] == ["a", "b"]


def test_label_maps_join_members_of_different_classes(place: Path, tmp_path: Path) -> None:
    """RAVDESS has calm and no contempt, the challenge contempt and no calm: both count for neutral and disgust."""
    maps = {"acted": {"calm": "neutral"}, "challenge": {"contempt": "disgust"}}
    members = {"acted": str(place / "alone.ckpt"), "challenge": str(place / "runs" / "a")}
    ensemble = open_system(described(tmp_path / "e.yaml", members=members, label_maps=maps, labels="basic"))
    basic = label_set("basic")
    assert ensemble.provenance.labels == basic
    own = {name: open_system(path) for name, path in members.items()}
    shares = {
        name: dict(zip(one.provenance.classes, logits(one).double().softmax(1).T, strict=True))
        for name, one in own.items()
    }
    for name, mapped in maps.items():
        for source, target in mapped.items():
            shares[name][target] = shares[name][target] + shares[name][source]
    both = [torch.stack([share[emotion] for emotion in basic.classes], dim=1) for share in shares.values()]
    torch.testing.assert_close(logits(ensemble).exp(), (both[0] + both[1]) / 2, rtol=1e-5, atol=0)
    assert ensemble.record([])["ensemble"]["members"][0]["provenance"]["label_map"] == {"calm": "neutral"}
    narrower = label_set("crema-d")
    ensemble.restrict_classes(narrower)
    at = [basic.index(emotion) for emotion in narrower.classes]
    chosen = [share[:, at] / share[:, at].sum(1, keepdim=True) for share in both]
    torch.testing.assert_close(logits(ensemble).exp(), (chosen[0] + chosen[1]) / 2, rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("none.ckpt", r"none\.ckpt does not exist\. Allowed: a model folder, a checkpoint of vibespeaker fit"),
        ("runs", r"holds no trained system\. Found: a, b, none\. Allowed: a model folder"),
        ("runs/none", r"holds no trained system\. Found: checkpoints, config\.yaml"),
        ("/dev/null", "is neither a file nor a folder"),
    ],
)
def test_what_is_no_system_is_said_with_what_lies_there(place: Path, named: str, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        open_system(place / named)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"members": {}}, "an ensemble needs members"),
        ({"members": ["a.parquet"], "method": "mean"}, r"e\.yaml describes no system\. Found: members, method"),
        ({"method": "mean", "members": {"a": "runs/a"}}, r"unknown keys\. Found: method\. Allowed: members, weights"),
        ({"members": {"a": "runs/a", "b": "none"}}, r"none does not exist"),
        ({"members": {"a": "runs/a"}, "labels": "unheard"}, r"unknown label set\. Found: unheard"),
        (
            {"members": {"a": "runs/a"}, "weights": {"warmth": {"a": 1.0}}},
            r"Found: warmth\. Allowed: categories, arousal",
        ),
        ({"members": {"a": "runs/a"}, "label_maps": {"b": {}}}, r"label maps of an ensemble go by member\. Found: b"),
        ({"members": {"a": "runs/a"}, "label_maps": {"a": {"joy": "happiness"}}}, r"names other classes\. Found: joy"),
        ({"members": {"a": "runs/a", "b": "alone.ckpt"}}, r"lacks these classes\. Found: (contempt|calm)"),
        ({"members": {"a": "e.yaml"}}, "is a member of itself"),
    ],
)
def test_an_ensemble_that_cannot_be_is_said_by_file_or_key(place: Path, content: dict, message: str) -> None:
    with pytest.raises((CheckpointError, ConfigError), match=message):
        open_system(described(place / "e.yaml", **content))
