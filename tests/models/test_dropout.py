"""Dropout by bits: the share, the scale, the gradient, and nothing outside training."""

import pytest
import torch

from vibespeaker.models.dropout import Dropout


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_values_are_dropped_by_their_share_and_the_mean_is_kept(share):
    torch.manual_seed(0)
    values = torch.ones(301, 1001, requires_grad=True)
    kept = Dropout(share)(values)
    assert (kept == 0).float().mean().item() == pytest.approx(share, abs=0.005)
    assert kept.unique().tolist() == pytest.approx([0.0, 1 / (1 - share)], rel=1e-3)
    kept.sum().backward()
    assert torch.equal(values.grad, kept.detach())


def test_neighbours_and_calls_are_independent():
    torch.manual_seed(0)
    dropout = Dropout(0.5)
    first, second = (dropout(torch.ones(100_000)) > 0 for _ in range(2))
    assert (first & second).float().mean().item() == pytest.approx(0.25, abs=0.01)
    for distance in (1, 2, 3, 4):
        assert (first[distance:] & first[:-distance]).float().mean().item() == pytest.approx(0.25, abs=0.01)


def test_the_seed_decides():
    masks = []
    for _ in range(2):
        torch.manual_seed(3)
        masks.append(Dropout(0.3)(torch.ones(7)))
    assert torch.equal(*masks)


@pytest.mark.parametrize(("share", "training"), [(0.5, False), (0.0, True)])
def test_nothing_is_dropped(share, training):
    values = torch.randn(10)
    assert torch.equal(Dropout(share).train(training)(values), values)


def test_all_is_dropped():
    assert not Dropout(1.0)(torch.ones(10)).any()
