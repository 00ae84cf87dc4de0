"""Networks over frames: masks cover what they should."""

import pytest
import torch

from tests.models.conftest import make_frames
from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError
from vibespeaker.models import FrameMasking, LayerWeightedSum


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


def test_masks_over_everything_are_refused():
    with pytest.raises(ConfigError, match="masks could cover everything"):
        FrameMasking(6, time_masks=2, time_share=0.5)


def test_a_negative_share_of_channels_is_refused():
    with pytest.raises(ConfigError, match=r"channel_share is out of range\. Found: -0.1"):
        FrameMasking(6, channel_share=-0.1)


def test_layers_are_summed_by_learned_weights():
    frames = make_frames([4, 2], dim=6, padding=1)
    network = LayerWeightedSum(6, layers=3)
    halves = frames.values.unflatten(-1, (3, 2))
    torch.testing.assert_close(network(frames).values, halves.mean(2))
    with torch.no_grad():
        network.scores.copy_(torch.tensor([0.0, 100.0, 0.0]))
    summed = network(frames)
    torch.testing.assert_close(summed.values, halves[:, :, 1])
    assert (network.output_dim, summed.lengths.tolist()) == (2, [4, 2])
    normed = LayerWeightedSum(6, layers=3, normalise=True)(frames)
    assert not normed.values[1, 2:].any()
    network(frames).values.sum().backward()
    assert network.scores.grad is not None
    with pytest.raises(ConfigError, match="4 layers in 6 values"):
        LayerWeightedSum(6, layers=4)
