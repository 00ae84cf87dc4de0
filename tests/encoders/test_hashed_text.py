"""Hashed words: determinism across processes, empty text, similarity of like words, truncation."""

import subprocess
import sys

import pytest
import torch

from vibespeaker.encoders.hashed_text import HashedText, tokens
from vibespeaker.errors import ConfigError

SIGNS = [1, -1, 1, -1, 1, -1, -1, 1, -1, -1, 1, -1, 1, 1, 1, 1]


def test_tokens_are_case_folded_words_and_marks():
    assert tokens("Don’t STOP, Ärger!  ") == ["don’t", "stop", ",", "ärger", "!"]
    assert tokens(" \n") == []


def test_empty_text_is_one_frame_of_zeros():
    frames = HashedText(dim=16)(["", "one two"])
    assert frames.lengths.tolist() == [1, 2]
    assert not frames.values[0].any()


def test_result_depends_on_nothing_but_the_text():
    encoder = HashedText(dim=32)
    texts = ["a b c d", "", "so it goes", "x"]
    together = encoder(texts)
    for row, text in enumerate(texts):
        alone = encoder([text]).values[0]
        assert torch.equal(together.values[row, : len(alone)], alone)
        assert not together.values[row, len(alone) :].any()


def test_same_in_another_process_with_another_hash_seed():
    code = (
        "from vibespeaker.encoders.hashed_text import HashedText as H; print(H(dim=8)(['joy to you']).values.tolist())"
    )
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True).stdout
    assert eval(printed) == HashedText(dim=8)(["joy to you"]).values.tolist()


def test_known_signs_of_the_table():
    """Guards the table against changes of NumPy: the first row's first 16 signs, computed once from Philox(0)."""
    assert HashedText(dim=16, buckets=4).signs[0].tolist() == SIGNS


def test_like_words_lie_closer_than_unlike_ones():
    encoder = HashedText(dim=256, pairs=False)
    happy, happily, table = (encoder([word]).values[0, 0] for word in ("happy", "happily", "table"))
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(happy, happily, dim=0) > cosine(happy, table, dim=0) + 0.1
    assert happy.square().mean() == pytest.approx(1.0, abs=0.4)


def test_pairs_make_word_order_matter():
    ordered, reversed_ = HashedText(dim=64, pairs=True)(["not good", "good not"]).values
    assert not torch.allclose(ordered[0], reversed_[1])
    without = HashedText(dim=64)(["not good", "good not"]).values
    assert torch.equal(without[0, 0], without[1, 1])


def test_long_text_is_cut_and_counted(caplog):
    encoder = HashedText(dim=8, max_tokens=3)
    assert encoder(["a b c d", "a b c"]).lengths.tolist() == [3, 3]
    assert encoder.truncated == 1
    assert "cut to 3" in caplog.text


def test_fingerprint_follows_the_seed():
    assert HashedText(seed=1).fingerprint().digest != HashedText(seed=2).fingerprint().digest
    assert HashedText(seed=1).fingerprint() == HashedText(seed=1).fingerprint()


def test_wrong_width_is_refused():
    with pytest.raises(ConfigError, match="multiple of 8"):
        HashedText(dim=12)
