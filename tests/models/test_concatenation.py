"""Pooled encoders side by side: sizes of published rows, the order of encoders, dropout where it is asked for."""

import pytest
import torch

from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError
from vibespeaker.models import Concatenation, MeanPooling

DIMS = {"hear": 3, "read": 2}


def batch(seed: int = 0) -> dict[str, Frames]:
    torch.manual_seed(seed)
    return {name: Frames(torch.randn(4, 5, dim), torch.tensor([5, 2, 3, 1])) for name, dim in DIMS.items()}


def test_without_hidden_layers_it_is_one_linear_map_of_the_means() -> None:
    network = Concatenation(DIMS, 4, encoders=["read", "hear"], heads=["categories"]).eval()
    frames = batch()
    means = torch.cat([MeanPooling(DIMS[name])(frames[name]) for name in ("read", "hear")], dim=1)
    expected = means @ network.head.linear.weight.T + network.head.linear.bias
    output = network(frames)
    torch.testing.assert_close(output.logits, expected)
    assert output.attributes is None


def test_hidden_layers_have_the_published_sizes() -> None:
    with torch.device("meta"):
        fused = Concatenation({"a": 768, "t": 768, "s": 256}, 8, hidden=[512], dropout=0.3, heads=["categories"])
        gelu = Concatenation({"a": 768}, 4, hidden=[256], activation="gelu", dropout=0.3, heads=["categories"])
    assert sum(weight.numel() for weight in fused.parameters()) == 1792 * 512 + 512 + 512 * 8 + 8
    assert [type(layer).__name__ for layer in gelu.hidden] == ["Linear", "GELU", "Dropout"]


def test_dropout_of_what_is_pooled_is_for_training_alone() -> None:
    network = Concatenation(DIMS, 4, pooled_dropout=0.5)
    frames = batch()
    assert not torch.equal(network(frames).logits, network(frames).logits)
    network.eval()
    assert torch.equal(network(frames).logits, network(frames).logits)


def test_mistakes_are_refused() -> None:
    with pytest.raises(ConfigError, match="activation"):
        Concatenation(DIMS, 4, activation="tanh")
    with pytest.raises(ConfigError, match="hidden"):
        Concatenation(DIMS, 4, hidden=[0])
