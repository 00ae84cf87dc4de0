"""Batch norm over real frames where they lie, against picking them out, and by hand."""

import copy

import pytest
import torch
from torch import nn

from vibespeaker.models.masked_norm import gathered_norm_relu, norm_relu


def _norm(**settings) -> nn.BatchNorm1d:
    norm = nn.BatchNorm1d(5, **settings).double()
    nn.init.uniform_(norm.weight, -1.5, 1.5)
    nn.init.uniform_(norm.bias, -0.5, 0.5)
    return norm


def _inputs(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(len(lengths), 5, max(lengths), generator=generator, dtype=torch.float64) * 3 + 1
    return values, (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None])[:, None]


@pytest.mark.parametrize("lengths", [[6, 2, 4], [3, 3], [2, 1], [1]])
@pytest.mark.parametrize("training", [True, False])
def test_equals_the_plain_version(lengths, training):
    torch.manual_seed(0)
    values, mask = _inputs(lengths)
    if lengths == [1] and training:
        with pytest.raises(ValueError, match="more than 1 value"):
            norm_relu(values, mask, _norm())
        return
    own, plain = _norm().train(training), None
    plain = copy.deepcopy(own)
    results = []
    for function, norm in ((norm_relu, own), (gathered_norm_relu, plain)):
        given = values.clone().requires_grad_()
        result = function(given, mask, norm)
        result.square().sum().backward()
        results.append([result.detach(), given.grad, norm.weight.grad, norm.bias.grad, *norm.buffers()])
    torch.testing.assert_close(*results)
    assert not results[0][0].masked_select(~mask.expand_as(values)).any()


def test_gradients_equal_finite_differences():
    torch.manual_seed(1)
    values, mask = _inputs([5, 3])
    norm = _norm()
    assert torch.autograd.gradcheck(lambda given: norm_relu(given, mask, norm), values.requires_grad_())


def test_padding_is_not_looked_at():
    values, mask = _inputs([4, 2])
    spoilt = values.masked_fill(~mask, float("nan")).requires_grad_()
    torch.testing.assert_close(norm_relu(spoilt, mask, _norm_of_ones()), norm_relu(values, mask, _norm_of_ones()))
    norm_relu(spoilt, mask, _norm_of_ones()).sum().backward()
    assert spoilt.grad.isfinite().all()


def _norm_of_ones() -> nn.BatchNorm1d:
    return nn.BatchNorm1d(5).double()
