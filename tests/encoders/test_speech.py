"""The WavLM family: equal to transformers' own, safe in batches, short and long clips, fused attention."""

import pytest
import torch

from vibespeaker.encoders import SpeechEncoder
from vibespeaker.encoders.speech import similar_lengths
from vibespeaker.encoders.training import Training
from vibespeaker.errors import ConfigError

LAYER_NORM = ["wavlm", "hubert", "wav2vec2"]
GROUP_NORM = ["wavlm-base", "wav2vec2-base"]


def clip(samples, seed=0, level=0.1):
    return torch.randn(samples, generator=torch.Generator().manual_seed(seed)) * level


def original(checkpoint, waveform, **options):
    from transformers import AutoFeatureExtractor, AutoModel

    extractor = AutoFeatureExtractor.from_pretrained(checkpoint)
    inputs = extractor(waveform.numpy(), sampling_rate=16_000, return_tensors="pt").input_values
    with torch.no_grad():
        return AutoModel.from_pretrained(checkpoint)(inputs, **options)


@pytest.mark.parametrize("kind", LAYER_NORM + GROUP_NORM)
def test_equals_transformers_on_one_clip(tiny_checkpoint, kind):
    folder = str(tiny_checkpoint(kind))
    waveform = clip(9_999)
    expected = original(folder, waveform).last_hidden_state
    frames = SpeechEncoder(folder)([waveform])
    assert frames.lengths.tolist() == [30]  # floor((9999 − 400) / 320) + 1
    assert torch.allclose(frames.values, expected, atol=1e-5)


@pytest.mark.parametrize("kind", LAYER_NORM + GROUP_NORM)
def test_result_depends_on_nothing_but_the_clip(tiny_checkpoint, kind):
    encoder = SpeechEncoder(str(tiny_checkpoint(kind)))
    assert encoder.batch_invariant
    clips = [clip(8_000, 1), clip(21_111, 2, level=0.01), clip(400, 3), clip(5, 4), clip(8_000, 5)]
    together, backward = encoder(clips), encoder(clips[::-1])
    assert together.lengths.tolist() == [24, 65, 1, 1, 24]
    for row, waveform in enumerate(clips):
        alone = encoder([waveform]).values[0]
        count = len(alone)
        assert torch.allclose(together.values[row, :count], alone, atol=2e-5)
        assert torch.allclose(backward.values[4 - row, :count], alone, atol=2e-5)
        assert not together.values[row, count:].any()


def test_windows_of_similar_length_go_together_on_a_processor():
    lengths = [100, 30, 80, 25, 75]
    assert similar_lengths(lengths, torch.device("cpu")) == [[0, 2, 4], [1, 3]]
    assert similar_lengths(lengths, torch.device("cuda")) == [[0, 1, 2, 3, 4]]


def test_a_batch_of_a_base_model_trains_as_its_clips_do_alone(tiny_checkpoint):
    clips = [clip(8_000, 1), clip(21_111, 2), clip(500, 3)]
    gradients = []
    for batches in ([clips], [[one] for one in clips]):
        encoder = SpeechEncoder(str(tiny_checkpoint("wavlm-base")))
        encoder.set_training(Training("all"))  # in evaluation mode: dropout would draw other values
        for batch in batches:
            encoder(batch).values.square().sum().backward()
        gradients.append({name: weight.grad for name, weight in encoder.named_parameters() if weight.requires_grad})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-4, atol=1e-3, msg=name)


@pytest.mark.parametrize("samples", [1, 399, 400, 719, 720, 16_000, 31_999])
def test_frame_count_is_that_of_the_convolutions(tiny_checkpoint, samples):
    encoder = SpeechEncoder(str(tiny_checkpoint("wavlm")))
    expected = int(encoder.network._get_feat_extract_output_lengths(max(samples, 400)))
    assert encoder.frame_count(samples) == expected
    assert encoder([clip(samples)]).values.shape[1] == expected
    assert encoder.frames_per_second == 50


def test_normalisation_removes_gain_only_where_the_checkpoint_asks_for_it(tiny_checkpoint):
    waveform = clip(6_000)
    large = SpeechEncoder(str(tiny_checkpoint("wavlm")))
    assert torch.allclose(large([waveform]).values, large([waveform * 3 + 0.2]).values, atol=1e-3)
    base = SpeechEncoder(str(tiny_checkpoint("wavlm-base")))
    assert not base.normalise


def test_long_clips_have_the_frames_of_the_whole_in_number_and_place(tiny_checkpoint):
    folder = str(tiny_checkpoint("wavlm"))
    waveform = clip(50_123)
    whole, windowed = SpeechEncoder(folder), SpeechEncoder(folder, window_seconds=1.0)
    assert whole([waveform]).lengths.tolist() == windowed([waveform]).lengths.tolist() == [156]
    # the convolutions see the same samples at the same place: their features agree frame by frame
    windows = windowed._windows(waveform)
    (together,) = whole._windows(waveform)
    joined = torch.cat([whole.network.feature_extractor(window[None]) for window in windows], dim=2)
    assert torch.allclose(joined, whole.network.feature_extractor(together[None]), atol=1e-5)


def test_layers(tiny_checkpoint):
    folder = str(tiny_checkpoint("wav2vec2-base"))
    waveform = clip(4_000)
    states = original(folder, waveform, output_hidden_states=True)
    for layer in (1, 2):
        chosen = SpeechEncoder(folder, layer=layer)([waveform]).values
        assert torch.allclose(chosen, states.hidden_states[layer], atol=1e-5)
    mean = SpeechEncoder(folder, layer=[1, 3])([waveform]).values
    assert torch.allclose(mean, (states.hidden_states[1] + states.last_hidden_state) / 2, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")  # transformers' own WavLM attention
@pytest.mark.parametrize("kind", ["wavlm", "wavlm-base"])
def test_fused_attention_equals_the_original(tiny_checkpoint, kind):
    folder = str(tiny_checkpoint(kind))
    clips = [clip(12_000, 1), clip(7_000, 2)]
    fused = SpeechEncoder(folder)(clips)
    plain = SpeechEncoder(folder, fused_attention=False)(clips)
    assert torch.allclose(fused.values, plain.values, atol=1e-5)


def test_trained_encoder_passes_gradients_and_takes_short_clips(tiny_checkpoint):
    encoder = SpeechEncoder(str(tiny_checkpoint("wavlm")))
    encoder.set_training(Training("all"))
    encoder.train()
    encoder([clip(3_000), clip(100)]).values.sum().backward()
    assert all(block.attention.q_proj.weight.grad.any() for block in encoder.network.encoder.layers)


def test_tiny_windows_are_refused(tiny_checkpoint):
    with pytest.raises(ConfigError, match="window_seconds"):
        SpeechEncoder(str(tiny_checkpoint("wavlm")), window_seconds=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("layer", [None, 1])
def test_compiled_layers_give_the_same_frames(tiny_checkpoint, layer):
    folder = str(tiny_checkpoint("wavlm"))
    plain, compiled = SpeechEncoder(folder, layer=layer), SpeechEncoder(folder, layer=layer)
    compiled.compile_layers(backend="aot_eager")
    assert compiled.fingerprint() == plain.fingerprint()
    with torch.inference_mode():
        for clips in ([clip(9_000), clip(7_000)], [clip(12_000), clip(5_000), clip(400)]):
            torch.testing.assert_close(compiled(clips).values, plain(clips).values, rtol=1e-4, atol=1e-5)
