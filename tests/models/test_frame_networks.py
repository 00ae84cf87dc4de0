"""Networks over frames: lengths and zero padding are kept, padding never leaks, masks cover what they should."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.models.conftest import make_frames, spoil_padding
from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError
from vibespeaker.models import TDNN, FrameMasking


def _tdnn(**settings) -> TDNN:
    torch.manual_seed(0)
    network = TDNN(6, channels=8, output_dim=5, squeeze_dim=4, dilations=(1, 2), **settings)
    for name, parameter in network.named_parameters():
        if "bias" in name:  # zero biases would hide what they do to padding
            parameter.data.uniform_(0.5, 1.0)
    return network.eval()


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 6), st.sampled_from([1e3, float("nan")]))
def test_padding_and_batch_change_nothing(lengths, extra, garbage):
    network = _tdnn()
    frames = make_frames(lengths)
    plain = network(frames)
    spoilt = network(spoil_padding(frames, extra, garbage))
    assert torch.equal(spoilt.lengths, frames.lengths)
    torch.testing.assert_close(spoilt.values[:, : max(lengths)], plain.values)
    assert (spoilt.values[~spoilt.mask()] == 0).all()
    for i, n in enumerate(lengths):
        alone = network(Frames(frames.values[i : i + 1, :n], frames.lengths[i : i + 1]))
        torch.testing.assert_close(alone.values[0], plain.values[i, :n])


def test_every_real_frame_counts():
    network = _tdnn()
    values = make_frames([7]).values.requires_grad_()
    output = network(Frames(values, torch.tensor([7])))
    assert output.values.shape == (1, 7, 5)
    output.values.sum().backward()
    assert (values.grad.abs().sum(-1) > 0).all()


def test_frames_of_the_cache_are_cast():
    output = _tdnn()(make_frames([4, 2], dtype=torch.bfloat16))
    assert output.values.dtype == torch.float32


@pytest.mark.parametrize("settings", [{"kernel_size": 4}, {"dilations": ()}])
def test_impossible_tdnn_is_refused(settings):
    with pytest.raises(ConfigError, match="odd kernels and at least one dilation"):
        TDNN(6, **settings)


def test_masking_is_off_in_eval_mode():
    frames = make_frames([9, 4])
    assert FrameMasking(6, time_share=0.4).eval()(frames) is frames


def test_time_masks_cover_stretches_of_bounded_width():
    torch.manual_seed(0)
    lengths = torch.tensor([40, 20, 1])
    ones = Frames(torch.ones(3, 40, 6), lengths)
    masking = FrameMasking(6, time_masks=1, time_share=0.25, channel_masks=0)
    widest = torch.zeros(3, dtype=torch.long)
    for _ in range(200):
        hidden = masking(ones).values[:, :, 0] == 0
        assert not (hidden & ~ones.mask()).any()
        widths = hidden.sum(1)
        edges = (hidden[:, 1:] != hidden[:, :-1]).sum(1)
        assert (edges <= 2).all()  # one stretch
        widest = torch.maximum(widest, widths)
    assert widest.tolist() == [10, 5, 0]


def test_channel_masks_cover_bands_of_bounded_width():
    torch.manual_seed(0)
    ones = Frames(torch.ones(2, 5, 8), torch.tensor([5, 3]))
    masking = FrameMasking(8, time_masks=0, channel_masks=1, channel_share=0.5)
    draws = torch.stack([masking(ones).values == 0 for _ in range(200)])
    assert (draws == draws[:, :, :1]).all()  # the same channels in all frames
    assert draws[:, :, 0].sum(-1).max() == 4
    assert (draws[:, 0, 0] != draws[:, 1, 0]).any()  # each utterance has its own


@pytest.mark.parametrize("settings", [{"time_masks": 2, "time_share": 0.5}, {"channel_share": -0.1}])
def test_masks_over_everything_are_refused(settings):
    with pytest.raises(ConfigError, match="masks could cover everything"):
        FrameMasking(6, **settings)


def test_masking_runs_before_the_network_while_training():
    masked = _tdnn(masking=lambda dim: FrameMasking(dim, time_masks=1, time_share=0.9, channel_masks=0))
    frames = make_frames([30])
    reference = masked(frames).values
    masked.train()
    assert any(not torch.equal(masked(frames).values, reference) for _ in range(5))
