"""Whisper's encoder: equal to transformers' own, true lengths, windows, short input, layers."""

import math

import pytest
import torch

from vibespeaker.audio.files import read_audio
from vibespeaker.encoders import WhisperEncoder
from vibespeaker.errors import ConfigError


def clip(seconds, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(round(seconds * 16_000), generator=generator) * 0.1


@pytest.fixture(scope="module", params=["whisper", "whisper-128"])
def encoder(request, tiny_checkpoint):
    return WhisperEncoder(str(tiny_checkpoint(request.param)))


def original(checkpoint, waveform, **options):
    from transformers import WhisperFeatureExtractor, WhisperModel

    extractor = WhisperFeatureExtractor.from_pretrained(checkpoint)
    features = extractor(waveform.numpy(), sampling_rate=16_000, return_tensors="pt").input_features
    with torch.no_grad():
        return WhisperModel.from_pretrained(checkpoint).encoder(features, **options)


def test_equals_transformers_cut_to_the_clip(encoder):
    waveform = clip(1.23)
    expected = original(encoder.checkpoint, waveform).last_hidden_state[0]
    frames = encoder([waveform])
    assert frames.lengths.tolist() == [62]  # ceil(1.23 s · 50)
    assert frames.values.shape == (1, 62, encoder.dim)
    assert torch.allclose(frames.values[0], expected[:62], atol=1e-5)


@pytest.mark.parametrize("pad_to_window", [True, False])
def test_result_depends_on_nothing_but_the_clip(tiny_checkpoint, pad_to_window):
    encoder = WhisperEncoder(str(tiny_checkpoint("whisper")), pad_to_window=pad_to_window, windows_at_once=3)
    clips = [clip(0.5, 1), clip(2.031, 2), clip(1 / 16_000, 3), clip(1.1, 4)]
    together, backward = encoder(clips), encoder(clips[::-1])
    assert together.lengths.tolist() == [25, 102, 1, 55]
    for row, waveform in enumerate(clips):
        alone = encoder([waveform]).values[0]
        count = len(alone)
        assert torch.allclose(together.values[row, :count], alone, atol=1e-5)
        assert torch.allclose(backward.values[3 - row, :count], alone, atol=1e-5)
        assert not together.values[row, count:].any()


def test_short_input_equals_the_window_when_its_margin_fills_it(tiny_checkpoint):
    folder = str(tiny_checkpoint("whisper"))
    waveform = clip(2.0)
    whole = WhisperEncoder(folder)([waveform]).values
    filled = WhisperEncoder(folder, pad_to_window=False, margin_seconds=28.0)([waveform]).values
    short = WhisperEncoder(folder, pad_to_window=False, margin_seconds=1.0)([waveform]).values
    assert torch.allclose(filled, whole, atol=1e-5)
    assert short.shape == whole.shape
    assert not torch.allclose(short, whole, atol=1e-3)


def test_long_clips_are_joined_from_windows_of_30_seconds(tiny_checkpoint):
    encoder = WhisperEncoder(str(tiny_checkpoint("whisper")), windows_at_once=2)
    long, other = clip(61.5, 5), clip(0.4, 6)
    frames = encoder([other, long])
    assert frames.lengths.tolist() == [20, 3075]
    for start in (0, 30, 60):
        window = long[start * 16_000 : (start + 30) * 16_000]
        alone = encoder([window]).values[0]
        assert torch.allclose(frames.values[1, start * 50 : start * 50 + len(alone)], alone, atol=1e-5)


def test_layers(tiny_checkpoint):
    folder = str(tiny_checkpoint("whisper"))
    waveform = clip(0.6)
    states = original(folder, waveform, output_hidden_states=True)
    last = WhisperEncoder(folder, layer=-1)([waveform]).values[0]
    assert torch.allclose(last, states.last_hidden_state[0, :30], atol=1e-5)
    first = WhisperEncoder(folder, layer=1)([waveform]).values[0]
    assert torch.allclose(first, states.hidden_states[1][0, :30], atol=1e-5)
    below = WhisperEncoder(folder, layer=0)([waveform]).values[0]
    assert torch.allclose(below, states.hidden_states[0][0, :30], atol=1e-5)
    mean = WhisperEncoder(folder, layer=[0, -1])([waveform]).values[0]
    assert torch.allclose(mean, (below + last) / 2, atol=1e-5)


@pytest.mark.parametrize("layer", [3, -4, [], [1, 1], [1, -2]])
def test_layers_that_do_not_exist_are_refused(tiny_checkpoint, layer):
    with pytest.raises(ConfigError, match="distinct numbers 0 to 2"):
        WhisperEncoder(str(tiny_checkpoint("whisper")), layer=layer)


def test_real_recording(tiny_checkpoint, shared_data):
    samples = torch.from_numpy(read_audio(shared_data / "asr" / "jfk.flac"))
    frames = WhisperEncoder(str(tiny_checkpoint("whisper")))([samples])
    assert frames.lengths.tolist() == [math.ceil(len(samples) / 320)]
    assert frames.values.isfinite().all()


@pytest.mark.slow
def test_compiled_layers_give_the_same_frames(tiny_checkpoint):
    folder = str(tiny_checkpoint("whisper"))
    plain, compiled = WhisperEncoder(folder, pad_to_window=False), WhisperEncoder(folder, pad_to_window=False)
    compiled.compile_layers(backend="aot_eager")
    assert compiled.fingerprint() == plain.fingerprint()
    with torch.inference_mode():
        for clips in ([clip(0.5), clip(0.3)], [clip(0.7), clip(0.2), clip(0.4)]):
            torch.testing.assert_close(compiled(clips).values, plain(clips).values, rtol=1e-4, atol=1e-5)
