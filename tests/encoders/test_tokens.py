"""Embeddings of tokens from nothing: a vector per token, padding zero, trained whole."""

import pytest
import torch

from vibespeaker.encoders import TokenEmbeddings
from vibespeaker.encoders.training import Training
from vibespeaker.errors import ConfigError


def test_a_vector_per_token(tiny_checkpoint) -> None:
    folder = str(tiny_checkpoint("roberta"))
    encoder = TokenEmbeddings(folder, dim=6, max_tokens=8)
    encoder.set_training(Training("all"))
    frames = encoder(["abc", "", "a" * 50])
    assert frames.values.shape == (3, 8, 6)
    assert frames.lengths.tolist() == [5, 3, 8]  # a byte each, the two ends; an empty text is an end of its own
    assert not frames.values[0, 5:].any()
    table = encoder.table.weight
    ids = encoder._tokenizer("abc").input_ids
    torch.testing.assert_close(frames.values[0, :5], table[ids])
    frames.values.sum().backward()
    assert table.grad is not None
    assert encoder.fingerprint() == TokenEmbeddings(folder, dim=6, max_tokens=8).fingerprint()


def test_it_is_trained_whole(tiny_checkpoint) -> None:
    with pytest.raises(ConfigError, match="begins with random weights"):
        TokenEmbeddings(str(tiny_checkpoint("roberta"))).set_training(Training())
