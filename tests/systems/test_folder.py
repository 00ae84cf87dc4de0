"""Model folders: what is read is what was written, and nothing that a stranger may write into one is believed."""

import json
import struct

import numpy as np
import pytest
import torch

from tests.sounds import speech_like
from tests.systems import folders
from vibespeaker.batch import EmotionBatch
from vibespeaker.encoders import Rocket
from vibespeaker.errors import CheckpointError
from vibespeaker.systems import TrainedModel
from vibespeaker.systems.folder import CONFIG, WEIGHTS, is_model_folder, read_model_folder

BATCH = EmotionBatch.of_inputs((torch.from_numpy(speech_like(1)), torch.from_numpy(speech_like(2, seed=1))), ("", ""))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return folders.write_folder(tmp_path_factory.mktemp("models") / "noise")


@pytest.fixture
def copy(folder, tmp_path):
    target = tmp_path / "copy"
    target.mkdir()
    for name in (CONFIG, WEIGHTS):
        (target / name).write_bytes((folder / name).read_bytes())
    return target


def edit(folder, *path, to):
    content = json.loads((folder / CONFIG).read_text())
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    (folder / CONFIG).write_text(json.dumps(content))


def answers(system):
    system.prepare(None)
    with torch.inference_mode():
        return system.answer(BATCH).logits


def test_the_folder_answers_as_the_checkpoint_does(folder):
    read = read_model_folder(folder)
    torch.testing.assert_close(
        answers(read), answers(TrainedModel.from_checkpoint(folder.with_suffix(".ckpt"))), rtol=0, atol=0
    )
    assert (read.facts, read.provenance.classes) == (folders.FACTS, folders.CLASSES)
    assert read.calibration is not None
    assert read.calibration.checkpoint == read.identity
    assert read.calibration.categories == folders.calibration().categories
    assert (folder / "README.md").read_text() == "# A card\n"
    assert is_model_folder(folder)
    assert not is_model_folder(folder.parent)


def test_random_kernels_are_those_that_were_written_whatever_is_drawn_today(folder, monkeypatch):
    expected = answers(read_model_folder(folder))

    class OtherGenerator:
        def __init__(self, seed):
            self._random = np.random.Generator(np.random.PCG64(seed + 1))

        def __getattr__(self, name):
            return getattr(self._random, name)

    monkeypatch.setattr(np.random, "default_rng", OtherGenerator)
    assert Rocket(10).fingerprint().parts["weights"] != _recorded(folder)
    torch.testing.assert_close(answers(read_model_folder(folder)), expected, rtol=0, atol=0)


def _recorded(folder):
    encoders = json.loads((folder / CONFIG).read_text())["provenance"]["encoders"]
    return encoders["random"]["fingerprint"]["weights"]


def test_the_same_model_gives_the_same_bytes(folder, tmp_path):
    again = folders.write_folder(tmp_path / "again")
    for name in (CONFIG, WEIGHTS):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize(
    ("path", "to", "problem"),
    [
        (("format",), 2, "no model of VibeSpeaker that this version reads"),
        (("kind",), "another", "no model of VibeSpeaker"),
        (("weights_sha256",), "0" * 64, "not those that were written"),
        (("network", "class_path"), "os.system", "neither imported nor called"),
        (("network", "class_path"), "torch.nn.Linear", "neither imported nor called"),
        (("network", "init_args", "encoders"), ["hear"], "another network"),
        (("provenance", "encoders", "hear", "dim"), 10**9, "another shape"),
        (("provenance", "classes"), ["anger"], "another shape"),
        (("provenance", "classes"), 7, "classes"),
        (("provenance", "encoders", "random", "spec", "class_path"), "subprocess.Popen", "neither imported nor called"),
        (("provenance", "encoders", "random", "spec", "init_args", "kernels"), 10**9, "out of range"),
        (("provenance", "encoders", "random", "spec", "init_args", "kernels"), 50, "another shape"),
        (("provenance", "encoders", "hear", "spec", "init_args", "mels"), 9, "not the one"),
        (("calibration", "checkpoint"), "1" * 64, "belongs to other weights"),
        (("calibration", "categories", "scale"), [1.0], "not one number for each of 7 classes"),
        (("calibration", "categories", "scale"), "x", "scale is of another type"),
        (("calibration", "fitted_on"), {}, "lacks split"),
        (("about", "heard"), {"level_db": [1.0]}, "about: heard is of another type"),
        (("about", "scores"), {"noise": "good"}, "about: scores is of another type"),
        (("more",), 1, "unknown fields"),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else None,
)
def test_what_a_config_must_not_say_is_refused(path, to, problem, copy):
    edit(copy, *path, to=to)
    with pytest.raises(Exception, match=problem) as caught:
        read_model_folder(copy).prepare(None)
    assert type(caught.value).__module__ == "vibespeaker.errors"


def test_weights_that_are_none_are_refused(copy):
    whole = (copy / WEIGHTS).read_bytes()
    header = struct.pack("<Q", 1 << 40)
    lying = json.dumps({"network.x": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}).encode()
    for content in (b"", whole[:-1], whole[:100], header, struct.pack("<Q", len(lying)) + lying, b"\x80\x04."):
        (copy / WEIGHTS).write_bytes(content)
        with pytest.raises(CheckpointError, match="cannot be read"):
            read_model_folder(copy)
    changed = bytearray(whole)
    changed[-1] ^= 1
    (copy / WEIGHTS).write_bytes(changed)
    with pytest.raises(CheckpointError, match="not those that were written"):
        read_model_folder(copy)
    (copy / WEIGHTS).unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_model_folder(copy)


def test_a_config_that_is_none_is_refused(copy):
    for content, problem in (("[1]", "is damaged"), ("{", "is damaged"), ("", "is damaged"), ("{}", "no model of")):
        (copy / CONFIG).write_text(content)
        with pytest.raises(CheckpointError, match=problem):
            read_model_folder(copy)
    (copy / CONFIG).write_text(" " * (5 << 20))
    with pytest.raises(CheckpointError, match="too large"):
        read_model_folder(copy)
