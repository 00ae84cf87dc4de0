"""The penalty on weights, by hand."""

import pytest
import torch
from torch import nn

from vibespeaker.errors import ConfigError
from vibespeaker.losses import WeightPenalty


def test_kernels_count_and_biases_do_not() -> None:
    layer = nn.Linear(2, 1)
    nn.init.constant_(layer.bias, 100.0)
    layer.weight.data = torch.tensor([[3.0, -4.0]])
    assert WeightPenalty(l1=0.1, l2=0.01)(layer.parameters()).item() == pytest.approx(0.7 + 0.25)
    WeightPenalty(l1=0.1, l2=0.01)(layer.parameters()).backward()
    torch.testing.assert_close(layer.weight.grad, torch.tensor([[0.16, -0.18]]))
    assert layer.bias.grad is None
    layer.weight.requires_grad_(False)
    assert WeightPenalty(1.0, 1.0)(layer.parameters()).item() == 0.0


def test_it_is_not_negative() -> None:
    with pytest.raises(ConfigError, match="l1"):
        WeightPenalty(l1=-1.0)
