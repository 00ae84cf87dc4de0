"""One batch ahead: the same frames, in order, and the problems of each batch with it."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from tests.extract.toy import StridedFrames, spec, strided
from vibespeaker.cache import EncoderRecord
from vibespeaker.extract.clips import Clip
from vibespeaker.extract.encoding import BatchEncoder, Encoded, one_ahead

CPU = torch.device("cpu")


class Telling(StridedFrames):
    """Tells when it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def forward(self, inputs):
        self.told.append(f"encodes {len(inputs)}")
        return super().forward(inputs)


def clip(number: int, samples: int, level: float = 0.1) -> Clip:
    return Clip(number, np.random.default_rng(number).normal(0, level, samples).astype(np.float32))


def encoder_of(network: StridedFrames, dtype: str = "float32") -> BatchEncoder:
    return BatchEncoder(network, EncoderRecord.of(network, "sound", spec("StridedFrames"), dtype), CPU)


def encode(encoder: BatchEncoder, *batches: list[Clip]) -> Iterator[Encoded]:
    return (launched.fetch() for launched in one_ahead(map(encoder.launch, batches)))


def test_batches_come_in_order_with_each_clips_own_frames() -> None:
    batches = [[clip(0, 5000), clip(1, 2000)], [clip(2, 1700)], [clip(3, 900), clip(4, 800)]]
    found = list(encode(encoder_of(StridedFrames()), *batches))
    for encoded, clips in zip(found, batches, strict=True):
        assert list(encoded.frames) == [one.number for one in clips]
        for one in clips:
            assert torch.equal(encoded.frames[one.number], strided(torch.from_numpy(one.content)))
            assert encoded.frames[one.number].untyped_storage().nbytes() == encoded.frames[one.number].nbytes


def test_the_next_batch_is_launched_before_the_frames_of_one_are_asked_for() -> None:
    network = Telling()
    batches = [[clip(0, 900)], [clip(1, 900), clip(2, 900)], [clip(3, 900)]]
    for encoded in encode(encoder_of(network), *batches):
        network.told.append(f"takes {len(encoded.frames)}")
    assert network.told == ["encodes 1", "encodes 2", "takes 1", "encodes 1", "takes 2", "takes 1"]


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), float("nan")])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_one_value_that_is_not_finite_is_found(value: float, dtype: str) -> None:
    spoilt = clip(1, 4_000)
    spoilt.content[1_601] = value
    (encoded,) = encode(encoder_of(StridedFrames(), dtype), [clip(0, 5_000), spoilt, clip(2, 900)])
    assert list(encoded.frames) == [0, 2]
    assert encoded.problems == {1: f"its frames are not finite in {dtype}; try another --dtype"}


def test_what_cannot_be_encoded_is_a_problem_of_its_clip_alone() -> None:
    loud, unread = clip(1, 2000, 1e9), Clip(2, None, "no such file")
    (encoded,) = encode(encoder_of(StridedFrames(), "float16"), [clip(0, 2000), loud, unread])
    assert list(encoded.frames) == [0]
    assert encoded.problems == {1: "its frames are not finite in float16; try another --dtype", 2: "no such file"}


def test_a_batch_without_a_readable_clip_runs_nothing() -> None:
    network = Telling()
    (encoded,) = encode(encoder_of(network), [Clip(0, None, "no such file")])
    assert (encoded.frames, network.told) == ({}, [])
