"""Fewer frames: means and statistics by hand, padding without influence, and the same frames from a specification."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.extract.toy import spec, strided
from vibespeaker.batch import Frames
from vibespeaker.encoders import Reduced
from vibespeaker.encoders.base import pad_frames
from vibespeaker.encoders.reduced import neighbours_mean, reduced_specs, statistics_frame
from vibespeaker.encoders.specs import build_encoders
from vibespeaker.errors import ConfigError
from vibespeaker.models.pooling import MeanPooling, StatisticsPooling

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=4)


def _frames(lengths: Sequence[int], padding: float = 0.0) -> tuple[list[torch.Tensor], Frames]:
    sequences = [torch.randn(length, 3, dtype=torch.float64).float() for length in lengths]
    padded = pad_frames(sequences)
    return sequences, Frames(padded.values.masked_fill(~padded.mask()[:, :, None], padding), padded.lengths)


@settings(max_examples=40, deadline=None)
@given(LENGTHS, st.integers(1, 5))
def test_neighbours_are_averaged_whatever_the_padding(lengths: list[int], stride: int) -> None:
    sequences, frames = _frames(lengths, padding=7.0)
    reduced = neighbours_mean(frames, stride)
    plain = pad_frames([torch.stack([piece.mean(0) for piece in one.split(stride)]) for one in sequences])
    assert torch.equal(reduced.lengths, plain.lengths)
    torch.testing.assert_close(reduced.values, plain.values)


@settings(max_examples=40, deadline=None)
@given(LENGTHS)
def test_statistics_are_those_of_real_frames_and_pass_mean_pooling(lengths: list[int]) -> None:
    sequences, frames = _frames(lengths, padding=7.0)
    reduced = statistics_frame(frames, ["mean", "std", "min", "max"])
    assert reduced.lengths.tolist() == [1] * len(lengths)
    plain = [(one.mean(0), one.std(0, correction=0), one.amin(0), one.amax(0)) for one in sequences]
    torch.testing.assert_close(reduced.values[:, 0], torch.stack([torch.cat(each) for each in plain]))
    torch.testing.assert_close(MeanPooling(12)(reduced), reduced.values[:, 0])
    pooled = StatisticsPooling(3)(_masked(frames))
    torch.testing.assert_close(MeanPooling(6)(statistics_frame(frames, ["mean", "std"])), pooled, rtol=1e-5, atol=2e-6)


def _masked(frames: Frames) -> Frames:
    return Frames(frames.values.masked_fill(~frames.mask()[:, :, None], 0.0), frames.lengths)


def test_a_reduction_says_what_it_is() -> None:
    inner = spec("StridedFrames", scale=2.0)
    thinned = Reduced(inner, stride=2)
    assert (thinned.modality, thinned.dim, thinned.frames_per_second) == ("audio", 3, 5.0)
    pooled = Reduced(inner, stride=2, statistics=["mean", "std"])
    assert (pooled.dim, pooled.frames_per_second) == (6, None)
    assert pooled.fingerprint().parts == {
        "kind": "strided",
        "salt": "",
        "scale": "2.0",
        "stride": "2",
        "statistics": "mean, std",
    }
    waveform = torch.randn(8_000)
    means = torch.stack([piece.mean(0) for piece in strided(waveform).mul(2.0).split(2)])
    torch.testing.assert_close(thinned([waveform]).values[0], means)
    assert pooled([waveform]).values.shape == (1, 1, 6)


def test_specifications_are_wrapped_and_build_the_same() -> None:
    specs = {"sound": spec("StridedFrames")}
    assert reduced_specs(specs, 1, ()) == specs
    wrapped = reduced_specs(specs, 3, ("mean",))
    assert wrapped["sound"]["class_path"] == "vibespeaker.encoders.Reduced"
    built = build_encoders(wrapped)["sound"]
    assert isinstance(built, Reduced)
    assert (built.stride, built.statistics) == (3, ("mean",))
    assert build_encoders({"sound": {"class_path": "Reduced", "init_args": wrapped["sound"]["init_args"]}})


@pytest.mark.parametrize(
    ("stride", "statistics", "message"),
    [
        (0, (), "stride of frames is too small"),
        (1, ("mean", "median"), "Allowed: mean, std, min, max"),
        (1, ("mean", "mean"), "Found: mean, mean"),
        (1, (), "reduces nothing"),
    ],
)
def test_what_is_no_reduction_is_refused(stride: int, statistics: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Reduced(spec("StridedFrames"), stride, statistics)
