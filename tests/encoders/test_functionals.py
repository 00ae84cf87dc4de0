"""Functionals: one frame per clip, of hand-computed values, the same in any batch, finite for degenerate clips."""

import math

import numpy as np
import pytest
import torch

from vibespeaker.encoders import AcousticDescriptors, AcousticFunctionals
from vibespeaker.encoders import functionals as home
from vibespeaker.encoders.spectrum import cepstra
from vibespeaker.errors import ConfigError


def harmonic(hz, seconds=1.0, level=0.1):
    time = torch.arange(int(16_000 * seconds)) / 16_000
    return level * sum(torch.sin(2 * math.pi * hz * k * time) / k for k in range(1, 8))


def noise(samples, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 0.05, samples).astype(np.float32))


def test_one_frame_a_clip_whatever_the_company():
    encoder = AcousticFunctionals()
    clips = [noise(9_000), harmonic(120, 0.7), noise(20_000, 1)]
    together = encoder(clips)
    assert together.values.shape == (3, 1, encoder.dim)
    assert together.lengths.tolist() == [1, 1, 1]
    for row, clip in enumerate(clips):
        assert torch.equal(encoder([clip]).values[0], together.values[row])


@pytest.mark.parametrize("samples", [1, 100, 170, 400, 700, 16_000 * 12])
def test_any_length_gives_finite_numbers(samples):
    encoder = AcousticFunctionals()
    for clip in (noise(samples), torch.zeros(samples)):
        values = encoder([clip]).values
        assert values.shape == (1, 1, encoder.dim)
        assert values.isfinite().all()


def test_it_begins_with_the_means_and_deviations_of_cepstra_and_descriptors():
    clip = harmonic(150) + noise(16_000)
    described = AcousticDescriptors(64, 0, True, frames_per_second=100, trim_db=40)([clip]).values[0]
    values = AcousticFunctionals()([clip]).values[0, 0]
    first = described[:, :64] @ cepstra(20, 64)
    width = 2 * home.CONTOURS
    torch.testing.assert_close(values[:20], first.mean(0))
    torch.testing.assert_close(values[29:93], described[:, :64].mean(0))
    torch.testing.assert_close(values[width : width + 20], first.std(0, correction=0))


def test_cepstra_are_an_orthonormal_cosine_transform():
    from scipy.fft import dct

    bands = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 64)).astype(np.float32))
    expected = dct(bands.numpy(), norm="ortho", axis=1)[:, :20]
    np.testing.assert_allclose((bands @ cepstra(20, 64)).numpy(), expected, atol=1e-5)
    # caches hold numbers of a basis that was rounded once: one that was computed in float32 is off by 6e-7
    exact = dct(np.eye(64), norm="ortho", axis=1)[:, :20]
    np.testing.assert_allclose(cepstra(20, 64).numpy(), exact, rtol=0, atol=2e-8)


def test_modulation_of_a_slow_wave_stands_in_its_band():
    time = torch.arange(400) / home.RATE
    for band, hz in enumerate((1.0, 2.0, 3.5, 5.0, 7.5, 11.0, 15.0, 21.0, 35.0)):
        energies = home._modulation(torch.sin(2 * math.pi * hz * time)[:, None])
        assert len(energies) == len(home.MODULATION_HZ) - 1
        assert int(energies.argmax()) == band


def test_autocorrelation_and_correlation_by_hand():
    alternating = torch.tensor([1.0, -1.0]).repeat(50)[:, None]
    assert home._autocorrelation(alternating).tolist() == pytest.approx([-1, 1, 1, 1], abs=0.01)
    both = torch.cat((alternating, -alternating, alternating), dim=1)
    assert home._correlation(both).tolist() == pytest.approx([-1, 1, -1], abs=0.01)
    assert home._autocorrelation(alternating[:4])[-1] == 0  # a lag beyond the clip


def test_rhythm_by_hand():
    voiced = torch.tensor([1] * 30 + [0] * 40 + [1] * 10 + [0] * 20, dtype=torch.bool)
    assert home._rhythm(voiced).tolist() == pytest.approx([0.0, 0.4, 2.0, 0.2])
    assert home._rhythm(torch.zeros(100, dtype=torch.bool)).tolist() == pytest.approx([0.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 100])
def test_thirds_cover_every_frame_and_none_is_empty(frames):
    parts = [list(range(frames))[part] for part in home._thirds(frames)]
    assert all(parts)
    assert sorted({frame for part in parts for frame in part}) == list(range(frames))


def test_too_few_voiced_frames_count_as_all():
    values = torch.arange(10.0)[:, None]
    few, enough = torch.arange(10) < 3, torch.arange(10) < 4
    assert home._moments(values, home._choices(few))[0][1] == pytest.approx(4.5)
    assert home._moments(values, home._choices(enough))[0][1] == pytest.approx(1.5)
    assert home._moments(values, home._choices(~few))[0][2] == pytest.approx(4.5)


@pytest.mark.parametrize("frames", [1, 2, 3, 60])
def test_moments_equal_the_librarys(frames):
    values = 20 + noise(frames * 5).view(frames, 5)
    values[:, 0] = 7.25  # what does not vary has no deviation
    choices = home._choices(torch.arange(frames) % 3 == 0)
    means, deviations = home._moments(values, choices)
    for chosen, mean, deviation in zip(choices, means, deviations, strict=True):
        plain, average = torch.std_mean(values[chosen.bool()], 0, correction=0)
        torch.testing.assert_close(mean, average)
        torch.testing.assert_close(deviation, plain, rtol=1e-4, atol=1e-5)


def test_fingerprint_follows_settings():
    assert AcousticFunctionals().fingerprint() == AcousticFunctionals(40).fingerprint()
    difference = AcousticFunctionals().fingerprint().difference(AcousticFunctionals(None).fingerprint())
    assert set(difference) == {"preprocessing"}
    with pytest.raises(ConfigError, match="trim_db"):
        AcousticFunctionals(-1.0)
