"""Sizes that a stranger's file asks for: none is made that the file does not hold."""

import inspect
import typing
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.systems.trained import MODELS, NETWORK, with_network, write
from vibespeaker import encoders, models
from vibespeaker.batch import Frames
from vibespeaker.encoders.base import Encoder
from vibespeaker.encoders.reduced import neighbours_mean
from vibespeaker.encoders.specs import MOST_ENCODERS, build_encoders
from vibespeaker.errors import CheckpointError, VibeSpeakerError
from vibespeaker.provenance import CHECKPOINT_KEY
from vibespeaker.systems import TrainedModel

#: What one encoder that needs no download may take.
LARGEST = 128 << 20
HUGE = (10**9, 10**400)
#: Where a class stands in a network.
PLACES = {models.Pooling: "pooling", models.FrameNetwork: "frame_network", models.Fusion: "fusion"}


def numbers(made: type) -> list[str]:
    """Return the arguments of a constructor that are whole numbers, or may be."""
    hints = typing.get_type_hints(made.__init__)
    return [name for name, hint in hints.items() if int in (hint, *typing.get_args(hint))]


def size_of(encoder: Encoder) -> int:
    return sum(tensor.nbytes for tensor in (*encoder.parameters(), *encoder.buffers()))


@pytest.mark.parametrize("name", encoders.__all__)
def test_no_number_of_an_encoder_takes_much_memory(name: str) -> None:
    made = getattr(encoders, name)
    if inspect.isabstract(made) or not issubclass(made, Encoder):
        return
    whole: dict[str, Any] = {"encoder": {"class_path": "HashedText"}} if name == "Reduced" else {}
    whole |= {"checkpoint": "/nowhere"} if "checkpoint" in inspect.signature(made).parameters else {}
    for number in numbers(made):
        for value in HUGE:
            spec = {"class_path": name, "init_args": {**whole, number: value}}
            try:
                built = build_encoders({"x": spec})["x"]
            except VibeSpeakerError:
                continue
            assert size_of(built) <= LARGEST, number


def test_the_largest_encoders_that_may_be_named_stay_small() -> None:
    for spec in ({"dim": 4096, "buckets": 16_384}, {"dim": 8, "buckets": 1 << 23}):
        assert size_of(build_encoders({"x": {"class_path": "HashedText", "init_args": spec}})["x"]) <= LARGEST
    wide: Any = {"class_path": "HashedText", "init_args": {"dim": 8192, "buckets": 1}}
    for _ in range(4):
        wide = {"class_path": "Reduced", "init_args": {"encoder": wide, "statistics": ["mean", "std", "min", "max"]}}
    with pytest.raises(VibeSpeakerError, match="frames too wide"):
        build_encoders({"x": wide})


def test_a_file_names_no_crowd_of_encoders(tmp_path: Path) -> None:
    def change(made: dict[str, Any]) -> None:
        named = made[CHECKPOINT_KEY]["encoders"]
        one = named["hear"]
        named.update({f"more{number}": one for number in range(MOST_ENCODERS)})
        with_network(init_args={**NETWORK["init_args"], "encoders": ["hear", "read"]})(made)

    with pytest.raises(CheckpointError, match="too many encoders"):
        TrainedModel.from_checkpoint(write(tmp_path / "a.ckpt", change)).prepare(None)


@pytest.mark.parametrize("name", [one for one in models.__all__ if numbers(getattr(models, one))])
def test_no_number_of_a_network_makes_more_than_the_file_holds(name: str, tmp_path: Path) -> None:
    made = getattr(models, name)
    for number in numbers(made):
        for value in HUGE:
            given: Any = [value] if number == "dilations" else value
            spec = {"class_path": MODELS + name, "init_args": {number: given}}
            place = next((place for kind, place in PLACES.items() if issubclass(made, kind)), None)
            if place is not None:
                spec = {"class_path": MODELS + "MultiEncoderModel", "init_args": {place: spec}}
            file = write(tmp_path / "a.ckpt", with_network(**spec))
            with pytest.raises(VibeSpeakerError):
                TrainedModel.from_checkpoint(file)


def test_a_stride_beyond_the_longest_waits_for_nothing() -> None:
    frames = Frames(torch.arange(12.0).reshape(2, 3, 2), torch.tensor([3, 2]))
    far, near = neighbours_mean(frames, 10**9), neighbours_mean(frames, 3)
    assert torch.equal(far.values, near.values)
    assert far.lengths.tolist() == [1, 1]
