"""Acoustic descriptors: pitch of known tones, true lengths, independence of the batch, settings."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vibespeaker.encoders.descriptors import PROSODY, AcousticDescriptors
from vibespeaker.encoders.pitch import PitchTracker, decimate, low_pass_kernel
from vibespeaker.encoders.spectrum import FFT, PowerSpectrum, mel_bands, slopes
from vibespeaker.errors import ConfigError


def harmonic(hz, seconds=1.0, level=0.1, partials=8):
    time = torch.arange(int(16_000 * seconds)) / 16_000
    return level * sum(torch.sin(2 * math.pi * hz * k * time) / k for k in range(1, partials))


def noise(samples, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 0.05, samples).astype(np.float32))


@pytest.mark.parametrize("hz", [65, 100, 150, 220, 333, 450, 520])
def test_pitch_of_a_harmonic_tone(hz):
    pitch = PitchTracker(160)(harmonic(hz), 100)
    inside = slice(5, 95)
    semitones = 12 * (pitch.log2_hz[inside] - math.log2(hz))
    assert semitones.abs().max() < 0.1
    assert pitch.voicing[inside].min() > 0.9


@pytest.mark.parametrize("samples", [1, 3, 64, 1001])
def test_decimation_equals_a_strided_convolution(samples):
    clip, kernel = noise(samples), low_pass_kernel()
    padded = torch.nn.functional.pad(clip, (32, 32))
    expected = torch.nn.functional.conv1d(padded[None, None], kernel[None, None], stride=4)[0, 0]
    result = decimate(clip, kernel)
    assert len(result) == -(-samples // 4)
    assert torch.allclose(result, expected[: len(result)], atol=1e-7)


def test_pitch_follows_a_glide_without_octave_jumps():
    time = torch.arange(32_000) / 16_000
    hz = 110 * 2 ** (time / 2 * 1.2)  # 1.2 octaves in 2 s
    phase = 2 * math.pi * torch.cumsum(hz, 0) / 16_000
    clip = 0.1 * sum(torch.sin(k * phase) / k for k in range(1, 6))
    pitch = PitchTracker(160)(clip, 200)
    expected = torch.log2(hz[80::160])
    assert (pitch.log2_hz - expected)[5:195].abs().max() < 0.05


def test_noise_and_silence_are_unvoiced_and_finite():
    tracker = PitchTracker(160)
    assert tracker(noise(16_000), 100).voiced.float().mean() < 0.1
    silent = tracker(torch.zeros(16_000), 100)
    assert not silent.voiced.any()
    assert torch.allclose(2**silent.log2_hz, torch.full((100,), 100.0), atol=1e-2)


def test_unvoiced_gap_is_bridged_linearly():
    clip = torch.cat((harmonic(100, 0.5), torch.zeros(8000), harmonic(200, 0.5)))
    pitch = PitchTracker(160)(clip, 150)
    gap = pitch.log2_hz[55:95] - math.log2(100)
    assert ((gap[1:] - gap[:-1]) >= -1e-4).all()
    assert gap[20] == pytest.approx(0.5, abs=0.1)  # half-way in octaves


def test_full_scale_sine_has_power_one_in_its_bin():
    hz = 16_000 / FFT * 32  # exactly bin 32: 1000 Hz
    clip = torch.sin(2 * math.pi * hz * torch.arange(16_000) / 16_000)
    power = PowerSpectrum(160, 0.0)(clip, torch.eye(FFT // 2 + 1))
    assert power[50, 32] == pytest.approx(1.0, rel=1e-3)


def test_mel_bands_cover_every_inner_bin_and_none_is_empty():
    for count in (8, 40, 64, 80, 128):
        bands = mel_bands(count, 40, 7800)
        assert bands.shape == (257, count)
        assert (bands.sum(dim=0) > 0).all()
        assert (bands[3:240].sum(dim=1) > 0).all()
    peaks = mel_bands(40, 40, 7800).argmax(dim=0)
    assert (peaks[1:] >= peaks[:-1]).all()


def test_slopes_of_a_ramp_and_of_hand_numbers():
    ramp = torch.arange(10.0)[:, None] * torch.tensor([[2.0, -1.0]])
    assert torch.allclose(slopes(ramp)[2:-2], torch.tensor([2.0, -1.0]).expand(6, 2))
    # x = 0 0 1 0 0 at the peak: (0 − 0 + 2 (0 − 0)) / 10; one frame before it: (1 − 0 + 2 (0 − 0)) / 10
    assert slopes(torch.tensor([[0.0], [0], [1], [0], [0]]))[:, 0].tolist() == pytest.approx([0.2, 0.1, 0, -0.1, -0.2])


@pytest.mark.parametrize(
    ("samples", "rate", "frames"), [(1, 100, 1), (160, 100, 1), (161, 100, 2), (16_000, 100, 100), (16_001, 50, 51)]
)
def test_frames_are_samples_over_hop_rounded_up(samples, rate, frames):
    encoder = AcousticDescriptors(frames_per_second=rate)
    result = encoder([noise(samples)])
    assert result.lengths.tolist() == [frames]
    assert result.values.shape == (1, frames, encoder.dim)
    assert result.values.isfinite().all()


@settings(max_examples=15, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 6000), min_size=2, max_size=4),
    normalisation=st.sampled_from(["none", "mean", "utterance"]),
)
def test_result_depends_on_nothing_but_the_clip(lengths, normalisation):
    encoder = AcousticDescriptors(mels=16, normalisation=normalisation)
    clips = [noise(length, seed) for seed, length in enumerate(lengths)]
    together = encoder(clips)
    backward = encoder(clips[::-1])
    for row, clip in enumerate(clips):
        alone = encoder([clip]).values[0]
        count = together.lengths[row]
        assert torch.equal(together.values[row, :count], alone)
        assert torch.equal(backward.values[len(clips) - 1 - row, :count], alone)
        assert not together.values[row, count:].any()


def test_gain_moves_level_only_and_mean_normalisation_removes_it():
    clip = harmonic(140) + noise(16_000)
    raw = AcousticDescriptors(mels=20, deltas=0)
    first, louder = raw([clip]).values[0], raw([clip * 2]).values[0]
    moved = (louder - first).abs().max(dim=0).values
    steady = [20 + PROSODY.index(name) for name in ("pitch", "voicing", "tilt", "flatness", "flux", "level_slope")]
    assert moved[steady].max() < 1e-2
    assert torch.allclose(louder[:, :20] - first[:, :20], torch.full((100, 20), math.log(4) / 4), atol=1e-4)
    centred = AcousticDescriptors(mels=20, deltas=0, normalisation="mean")
    assert torch.allclose(centred([clip]).values, centred([clip * 2]).values, atol=1e-2)


def test_utterance_normalisation_gives_zero_mean_and_unit_variance():
    values = AcousticDescriptors(normalisation="utterance")([harmonic(140) + noise(16_000)]).values[0]
    assert values.mean(dim=0).abs().max() < 1e-4
    assert (values.std(dim=0, correction=0) - 1).abs().max() < 1e-3


def test_dim_follows_the_settings():
    assert AcousticDescriptors(mels=40, deltas=0, prosody=False).dim == 40
    assert AcousticDescriptors(mels=40, deltas=2, prosody=True).dim == 120 + len(PROSODY)


def test_real_speech_comes_out_near_unit_scale(shared_data):
    import soundfile

    paths = sorted((shared_data / "emodb" / "wav").glob("*.wav"))[:40:4]
    clips = [torch.from_numpy(soundfile.read(path, dtype="float32")[0]) for path in paths]
    frames = AcousticDescriptors()(clips)
    values = frames.values[frames.mask()]
    assert values.mean(dim=0).abs().max() < 2.0
    assert values.std(dim=0).min() > 0.3
    assert values.std(dim=0).max() < 3.0


def test_fingerprint_follows_settings():
    first = AcousticDescriptors(mels=64).fingerprint()
    assert first.digest == AcousticDescriptors(mels=64).fingerprint().digest
    assert set(first.difference(AcousticDescriptors(mels=80).fingerprint())) == {"preprocessing"}
    assert AcousticDescriptors(pre_emphasis=0).fingerprint() == AcousticDescriptors(pre_emphasis=0.0).fingerprint()


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("mels", 4),
        ("deltas", 3),
        ("normalisation", "z"),
        ("frames_per_second", 75),
        ("pre_emphasis", 1.0),
        ("low_hz", 9000.0),
        ("high_hz", 9000.0),
    ],
)
def test_settings_out_of_range_are_named(argument, value):
    with pytest.raises(ConfigError, match=argument):
        AcousticDescriptors(**{argument: value})


def test_trimming_keeps_speech_with_a_margin():
    quiet, loud = noise(16_000) * 1e-4, noise(16_000, seed=1)
    clip = torch.cat((quiet, loud, quiet, loud, quiet[:8000]))  # the pause within speech stays
    whole = AcousticDescriptors(frames_per_second=50)([clip])
    trimmed = AcousticDescriptors(frames_per_second=50, trim_db=40)([clip])
    assert abs(int(trimmed.lengths[0]) - (150 + 10)) <= 2
    kept = len(trimmed.values[0])
    starts = [i for i in (44, 45, 46) if torch.equal(whole.values[0, i : i + kept], trimmed.values[0])]
    assert starts


def test_trimming_leaves_clips_without_silence_whole():
    clip = noise(8000)
    whole, trimmed = AcousticDescriptors()([clip]), AcousticDescriptors(trim_db=40)([clip])
    assert torch.equal(trimmed.values, whole.values)
    assert AcousticDescriptors(trim_db=40)([torch.zeros(100)]).lengths.tolist() == [1]


def test_trimming_is_part_of_the_fingerprint():
    assert AcousticDescriptors(trim_db=40).fingerprint() != AcousticDescriptors().fingerprint()
    with pytest.raises(ConfigError, match="trim_db is out of range"):
        AcousticDescriptors(trim_db=0)
