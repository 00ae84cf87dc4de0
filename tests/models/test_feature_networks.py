"""Networks over hand-crafted features: the published numbers of parameters, standardised input, one frame per clip."""

import copy

import pytest
import torch
from torch.nn import functional as F

from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError
from vibespeaker.models import CNN1d, Concatenation, FeatureCNN
from vibespeaker.models.pooling import Pooling


def frames(values: torch.Tensor) -> Frames:
    return Frames(values[:, None], torch.ones(len(values), dtype=torch.int64))


@pytest.mark.parametrize(
    ("pooling", "dim", "parameters"),
    [
        (CNN1d, 94, 1_669_319),
        (FeatureCNN, 2376, 7_188_871),
        (lambda dim: FeatureCNN(dim, (64, 64, 32, 32, 16), dense=64), 2376, 113_719),
    ],
)
def test_parameters_are_the_published_ones(pooling: type[Pooling], dim: int, parameters: int) -> None:
    with torch.device("meta"):
        network = Concatenation({"x": dim}, 7, pooling=pooling, heads=["categories"])
    assert sum(weight.numel() for weight in network.parameters()) == parameters


@pytest.mark.parametrize(
    "make", [lambda dim: CNN1d(dim, ((3, 3), (2,)), dense=(5,)), lambda dim: FeatureCNN(dim, (3, 2), (5, 3), dense=5)]
)
def test_scale_and_offset_of_a_feature_do_not_matter(make: type[Pooling]) -> None:
    torch.manual_seed(0)
    pooling = make(9).train()
    other = copy.deepcopy(pooling)
    values = torch.randn(64, 9)
    scaled = (values + torch.linspace(-9, 9, 9)) * torch.logspace(-6, 3, 9)
    torch.manual_seed(1)
    first = pooling(frames(values))
    torch.manual_seed(1)
    torch.testing.assert_close(other(frames(scaled)), first, rtol=5e-3, atol=5e-3)
    assert first.shape == (64, 5)
    pooling.eval()
    alone = pooling(frames(values[:1]))
    torch.testing.assert_close(pooling(frames(values[:4]))[:1], alone)


def test_features_are_convolved_normed_and_pooled_in_one_dimension() -> None:
    torch.manual_seed(0)
    pooling = FeatureCNN(11, (3, 2), (5, 3), dense=4, dropout=0.0).train()
    values = torch.randn(6, 1, 11)
    state = {name: weight.clone() for name, weight in pooling.convolutions.named_parameters()}
    hidden = values
    for place, kernel in ((0, 5), (4, 3)):
        hidden = F.conv1d(hidden, state[f"{place}.weight"], state[f"{place}.bias"], padding=kernel // 2)
        weight, bias = (state[f"{place + 1}.{name}"] for name in ("weight", "bias"))
        hidden = F.relu(F.batch_norm(hidden, None, None, weight, bias, training=True))
        hidden = F.max_pool1d(hidden, kernel, stride=2, padding=kernel // 2)
    hidden = F.batch_norm(pooling.dense(hidden.flatten(1)), None, None, training=True)
    torch.testing.assert_close(pooling.move(values), F.relu(hidden))


def test_what_batch_norm_measures_in_training_holds_outside_it() -> None:
    torch.manual_seed(0)
    pooling = FeatureCNN(64, (8, 8, 8), (5, 5, 3), dense=16, dropout=0.5).train()
    values = torch.randn(128, 64)
    for _ in range(100):
        pooling(frames(values))
    outside = pooling.eval()(frames(values))
    pooling.train().dropout.eval()
    torch.testing.assert_close(outside, pooling(frames(values)), rtol=0.01, atol=0.02)


def test_mistakes_are_refused() -> None:
    with pytest.raises(ConfigError, match="one frame per clip"):
        CNN1d(3)(Frames(torch.zeros(2, 4, 3), torch.tensor([4, 2])))
    with pytest.raises(ConfigError, match="odd kernel"):
        FeatureCNN(9, (3, 2), (4, 3))
    with pytest.raises(ConfigError, match="kernels"):
        FeatureCNN(9, (3,), (0,))
