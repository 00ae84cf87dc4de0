"""Eight bits with a scale a frame: the error's bound, what is not finite, and the way to the device."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vibespeaker.batch import EmotionBatch
from vibespeaker.cache.precision import (
    DTYPES,
    QuantizedBatch,
    QuantizedFrames,
    dequantized,
    from_stored,
    quantized,
    stored_dim,
    to_stored,
)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 6), st.integers(1, 9), st.floats(-30, 30), st.integers(0, 10_000))
def test_error_is_below_half_a_step_of_the_frames_own_scale(frames: int, dim: int, power: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(frames, dim, generator=generator) * 2.0**power * torch.logspace(-2, 2, frames)[:, None]
    stored = quantized(values)
    assert (stored.dtype, stored.shape) == (torch.int8, (frames, dim + 4))
    largest = values.abs().amax(1, keepdim=True)
    # half a step, and the rounding to bfloat16
    assert bool(((dequantized(stored).float() - values).abs() <= largest * (0.5 / 127 + 2**-8)).all())


def test_by_hand() -> None:
    stored = quantized(torch.tensor([[1.0, -2.0, 0.0, 127.0], [0.0, 0.0, 0.0, 0.0]]))
    assert stored[:, :4].tolist() == [[1, -2, 0, 127], [0, 0, 0, 0]]
    assert stored[:, 4:].contiguous().view(torch.float32).tolist() == [[1.0], [0.0]]
    assert dequantized(stored).tolist() == [[1.0, -2.0, 0.0, 127.0], [0.0, 0.0, 0.0, 0.0]]


def test_what_is_not_finite_stays_so() -> None:
    for wrong in (float("nan"), float("inf"), -float("inf")):
        for dtype in DTYPES:
            stored = to_stored(torch.tensor([[1.0, wrong, 2.0], [1.0, 2.0, 3.0]]), dtype)
            assert stored.shape == (2, stored_dim(3, dtype))
            assert from_stored(stored).isfinite().all(1).tolist() == [False, True]


def test_eight_bits_become_frames_on_the_way_to_a_device_and_not_before() -> None:
    values = torch.randn(2, 3, 5)
    nothing = torch.zeros(2)
    packed = QuantizedFrames(quantized(values), torch.tensor([3, 2]))
    batch = QuantizedBatch(nothing, nothing, nothing, nothing, quantized={"hear": packed})
    assert not batch.frames
    arrived = batch.to("cpu")
    assert type(arrived) is EmotionBatch
    assert arrived.frames["hear"].values.is_floating_point()
    torch.testing.assert_close(arrived.frames["hear"].values.float(), values, rtol=0.01, atol=0.02)
    assert arrived.frames["hear"].lengths.tolist() == [3, 2]
