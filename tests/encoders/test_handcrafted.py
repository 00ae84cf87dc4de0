"""Hand-crafted features: librosa's numbers, in the sources' order, finite for degenerate clips."""

import numpy as np
import pytest
import torch

from vibespeaker.encoders import HandcraftedFrames, HandcraftedMeans
from vibespeaker.encoders.spectral_features import SpectralFeatures, chroma_bands
from vibespeaker.errors import ConfigError


def clip(seconds: float = 2.5, seed: int = 0) -> torch.Tensor:
    """A tone in noise, behind silence, which decibels must not follow to minus infinity."""
    time = np.arange(int(seconds * 16_000)) / 16_000
    noise = np.random.default_rng(seed).normal(0, 0.05, len(time))
    samples = noise + 0.1 * np.sin(2 * np.pi * 220 * time)
    samples[: len(time) // 6] = 0
    return torch.from_numpy(samples.astype(np.float32))


@pytest.mark.slow
def test_values_are_those_of_librosa() -> None:
    import librosa

    samples = clip()
    y = samples.numpy()
    power = np.abs(librosa.stft(y, n_fft=2048, hop_length=512)) ** 2
    expected = (
        librosa.feature.chroma_stft(S=power, sr=16_000, tuning=0.0),
        librosa.feature.melspectrogram(S=power, sr=16_000, n_mels=60),
        librosa.feature.mfcc(y=y, sr=16_000),
        librosa.feature.zero_crossing_rate(y),
        librosa.feature.spectral_centroid(y=y, sr=16_000),
    )
    means = HandcraftedMeans()([samples]).values[0, 0].numpy()
    np.testing.assert_allclose(means, np.concatenate(expected).mean(1), rtol=1e-4, atol=1e-4)
    encoder = HandcraftedFrames()
    y = encoder._stretch(samples).numpy()
    expected = (librosa.feature.zero_crossing_rate(y), librosa.feature.rms(y=y), librosa.feature.mfcc(y=y, sr=22_050).T)
    joined = np.concatenate([values.ravel() for values in expected])
    np.testing.assert_allclose(encoder([samples]).values[0, 0].numpy(), joined, rtol=0, atol=2e-3)


def test_widths_are_the_sources_and_clips_keep_apart() -> None:
    clips = [clip(1.0), clip(4.0, 1), clip(0.3, 2)]
    for encoder, dim in ((HandcraftedMeans(), 94), (HandcraftedFrames(), 2376)):
        together = encoder(clips)
        assert together.values.shape == (3, 1, dim) == (3, 1, encoder.dim)
        assert together.lengths.tolist() == [1, 1, 1]
        for row, one in enumerate(clips):
            assert torch.equal(encoder([one]).values[0], together.values[row])


@pytest.mark.parametrize("samples", [1, 100, 9_600, 16_000 * 4])
def test_silence_and_clips_of_any_length_give_finite_numbers(samples: int) -> None:
    for encoder in (HandcraftedMeans(), HandcraftedFrames()):
        assert encoder([torch.zeros(samples)]).values.isfinite().all()


def test_the_stretch_starts_behind_the_offset_or_where_the_clip_is_too_short_at_its_start() -> None:
    encoder = HandcraftedFrames()
    assert encoder._stretch(torch.ones(16_000 * 4)).shape == (55_125,)
    short = encoder._stretch(torch.ones(8_000))  # 0.5 s, all of it before 0.6 s
    assert float(short[:11_000].mean()) == pytest.approx(1.0, abs=0.01)
    assert not short[11_025:].any()


def test_a_tone_has_its_pitch_class_zero_crossings_and_centroid() -> None:
    features = SpectralFeatures(16_000, 60, 20)
    tone = torch.sin(2 * np.pi * 440 * torch.arange(16_000) / 16_000)  # A
    magnitude = features.magnitude(tone)[4:-4]
    assert set(features.chroma(magnitude).argmax(1).tolist()) == {9}
    assert float(features.centroid(magnitude).mean()) == pytest.approx(440, abs=5)
    assert float(features.zero_crossings(tone)[4:-4].mean()) == pytest.approx(880 / 16_000, abs=1e-3)
    assert float(features.level(tone)[4:-4].mean()) == pytest.approx(0.5**0.5, abs=1e-3)
    assert chroma_bands(16_000).shape == (1025, 12)


def test_fingerprints_follow_settings_and_settings_stay_in_range() -> None:
    assert HandcraftedMeans().fingerprint() == HandcraftedMeans(60, 20).fingerprint()
    assert set(HandcraftedFrames().fingerprint().difference(HandcraftedFrames(offset=0).fingerprint())) == {
        "preprocessing"
    }
    for wrong in ({"mels": 0}, {"cepstra": 129}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            HandcraftedMeans(**wrong)
    with pytest.raises(ConfigError, match="seconds"):
        HandcraftedFrames(seconds=0)
