"""Any checkpoint by `AutoModel`: equal to transformers' own, training; what is not supported gets a sentence."""

import pytest
import torch

from vibespeaker.encoders import AudioModelEncoder, TextEncoder
from vibespeaker.encoders.training import Lora, Training
from vibespeaker.errors import EncoderError

TEXTS = ["so", "", "it was the best of times", "no"]


def clip(samples: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(samples, generator=torch.Generator().manual_seed(seed)) * 0.1


def check_training(encoder, inputs) -> None:
    """Adapters and the topmost layer get gradients; a layer below the top changes nothing of the stages above."""
    assert [stage.kind for stage in encoder.stages()].count("layer") == 2
    encoder.set_training(Training("top", 1))
    encoder.train()
    encoder.encode(inputs).values.square().sum().backward()
    trained = [weight for weight in encoder.parameters() if weight.requires_grad]
    assert trained
    assert all(weight.grad is not None for weight in trained)
    assert not any(weight.requires_grad for weight in encoder.stages()[0].parameters())


@pytest.mark.parametrize("kind", ["deberta", "modernbert"])
def test_encoders_of_text(kind: str, tiny_checkpoint) -> None:
    from transformers import AutoModel, AutoTokenizer

    folder = str(tiny_checkpoint(kind))
    encoder = TextEncoder(folder, max_tokens=12)
    tokens = AutoTokenizer.from_pretrained(folder)("best", return_tensors="pt")
    with torch.no_grad():
        expected = AutoModel.from_pretrained(folder).eval()(**tokens).last_hidden_state
    torch.testing.assert_close(encoder(["best"]).values, expected, rtol=0, atol=1e-5)
    together = encoder(TEXTS)
    assert together.lengths.tolist() == [len(encoder([text]).values[0]) for text in TEXTS]
    for row, text in enumerate(TEXTS):
        alone = encoder([text]).values[0]
        torch.testing.assert_close(together.values[row, : len(alone)], alone, rtol=0, atol=1e-5)
    assert encoder.max_tokens == 12
    check_training(encoder, TEXTS)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_decoder_only_models_give_their_last_real_token(kind: str, tiny_checkpoint) -> None:
    from transformers import AutoModel, AutoTokenizer

    folder = str(tiny_checkpoint(kind))
    encoder = TextEncoder(folder)
    together = encoder(TEXTS)
    assert together.values.shape == (4, 1, 24)
    assert together.lengths.tolist() == [1, 1, 1, 1]
    tokens = AutoTokenizer.from_pretrained(folder)(TEXTS[2], return_tensors="pt")
    with torch.no_grad():
        whole = AutoModel.from_pretrained(folder).eval()(input_ids=tokens.input_ids).last_hidden_state
    torch.testing.assert_close(together.values[2, 0], whole[0, -1], rtol=0, atol=1e-5)
    assert together.values.isfinite().all()
    check_training(encoder, TEXTS)


@pytest.mark.parametrize("kind", ["wav2vec2-bert", "data2vec"])
def test_encoders_of_audio(kind: str, tiny_checkpoint) -> None:
    from transformers import AutoFeatureExtractor, AutoModel

    folder = str(tiny_checkpoint(kind))
    encoder = AudioModelEncoder(folder)
    assert encoder.frames_per_second == pytest.approx(50, abs=1)
    samples = clip(9_600)
    made = AutoFeatureExtractor.from_pretrained(folder)(samples.numpy(), sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        expected = AutoModel.from_pretrained(folder).eval()(**made).last_hidden_state
    frames = encoder([samples])
    length = int(frames.lengths[0])
    torch.testing.assert_close(frames.values[0, :length], expected[0, :length], rtol=0, atol=1e-5)
    assert expected.shape[1] - length in (0, 1)
    clips = [samples, clip(5_000, 1), clip(3, 2), clip(9_600, 3)]
    together = encoder.encode(clips)
    for row, one in enumerate(clips):
        alone = encoder([one]).values[0]
        torch.testing.assert_close(together.values[row, : len(alone)], alone, rtol=0, atol=1e-5)
    check_training(encoder, clips)


def test_adapters_stand_beside_queries_and_values(tiny_checkpoint) -> None:
    for kind, made in (("deberta", TextEncoder), ("llama", TextEncoder), ("wav2vec2-bert", AudioModelEncoder)):
        encoder = made(str(tiny_checkpoint(kind)))
        encoder.set_training(Training("lora", lora=Lora(2)))
        assert sum("lora_A" in name for name, _ in encoder.named_parameters()) == 4


@pytest.mark.parametrize(
    ("made", "kind", "sentence"),
    [
        (TextEncoder, "t5", "no encoder of text"),
        (TextEncoder, "hubert", "no encoder of text"),
        (AudioModelEncoder, "whisper", "use WhisperEncoder"),
        (AudioModelEncoder, "bert", "reads no audio"),
    ],
)
def test_what_is_not_supported_gets_a_sentence(made, kind: str, sentence: str, tiny_checkpoint) -> None:
    with pytest.raises(EncoderError, match=sentence):
        made(str(tiny_checkpoint(kind)))


def test_dropout_of_hidden_layers_can_be_set_where_there_is_one(tiny_checkpoint) -> None:
    encoder = TextEncoder(str(tiny_checkpoint("roberta")), dropout=0.3)
    assert encoder.network.encoder.layer[0].output.dropout.p == 0.3
    assert encoder.fingerprint() == TextEncoder(str(tiny_checkpoint("roberta"))).fingerprint()
    with pytest.raises(EncoderError, match="no dropout of hidden layers"):
        TextEncoder(str(tiny_checkpoint("llama")), dropout=0.3)
