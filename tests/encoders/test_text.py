"""The RoBERTa family: equal to transformers' own, empty texts, truncation with a count, batches."""

import pytest
import torch

from vibespeaker.encoders import TextEncoder

KINDS = ["roberta", "xlm-roberta", "bert"]


@pytest.fixture(scope="module", params=KINDS)
def encoder(request, tiny_checkpoint):
    return TextEncoder(str(tiny_checkpoint(request.param)))


def test_equals_transformers_on_one_text(encoder):
    from transformers import AutoModel, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(encoder.checkpoint)("what a day", return_tensors="pt")
    with torch.no_grad():
        model = AutoModel.from_pretrained(encoder.checkpoint, add_pooling_layer=False).eval()
        expected = model(**tokens).last_hidden_state
    frames = encoder(["what a day"])
    assert torch.allclose(frames.values, expected, atol=1e-5)
    assert frames.lengths.tolist() == [tokens.input_ids.shape[1]]


def test_result_depends_on_nothing_but_the_text(encoder):
    texts = ["so", "", "it was the best of times", "no!", "a b c d e f g h"]
    together, backward = encoder(texts), encoder(texts[::-1])
    for row, text in enumerate(texts):
        alone = encoder([text]).values[0]
        count = len(alone)
        assert together.lengths[row] == count
        assert torch.allclose(together.values[row, :count], alone, atol=1e-5)
        assert torch.allclose(backward.values[4 - row, :count], alone, atol=1e-5)
        assert not together.values[row, count:].any()


def test_empty_text_is_its_two_special_tokens(encoder):
    assert encoder([""]).lengths.tolist() == [2]
    assert encoder.dim == encoder([""]).values.shape[2]


def test_long_texts_are_cut_counted_and_reported(tiny_checkpoint, caplog):
    for kind in KINDS:
        encoder = TextEncoder(str(tiny_checkpoint(kind)))
        assert encoder.max_tokens == 40
        frames = encoder(["ab " * 60, "ab"])
        assert frames.lengths[0] == 40
        encoder(["ab " * 60])
        assert encoder.truncated == 2
    assert "1 of 2 texts cut to 40 tokens" in caplog.text


def test_text_of_the_greatest_length_is_whole(tiny_checkpoint):
    encoder = TextEncoder(str(tiny_checkpoint("roberta")))
    assert encoder(["x" * 38]).lengths.tolist() == [40]  # a token a byte, and the two special ones
    assert encoder.truncated == 0


def test_layers(tiny_checkpoint):
    folder = str(tiny_checkpoint("roberta"))
    embeddings = TextEncoder(folder, layer=0)(["abc"]).values
    last = TextEncoder(folder)(["abc"]).values
    mean = TextEncoder(folder, layer=[0, 2])(["abc"]).values
    assert torch.allclose(mean, (embeddings + last) / 2, atol=1e-6)
    assert not torch.allclose(embeddings, last, atol=1e-2)
