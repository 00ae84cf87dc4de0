"""Level and signal-to-noise ratio of signals whose values are known."""

import numpy as np
import pytest

from vibespeaker.audio.levels import bandwidth_hz, levels

RATE = 16_000


def tone(amplitude: float, seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * 400 * time)).astype(np.float32)


def test_level_of_a_full_scale_sine_is_minus_three_decibels() -> None:
    level, ratio = levels(tone(1.0, 1.0), RATE)
    assert level == pytest.approx(-3.01, abs=0.01)
    assert ratio == pytest.approx(0.0, abs=0.01)


def test_ratio_is_that_of_loud_to_quiet_frames() -> None:
    _, ratio = levels(np.concatenate([tone(0.5, 1.0), tone(0.005, 1.0)]), RATE)
    assert ratio == pytest.approx(40.0, abs=0.1)


def test_gain_moves_the_level_alone() -> None:
    samples = np.concatenate([tone(0.5, 1.0), tone(0.05, 1.0)])
    level, ratio = levels(samples, RATE)
    quieter, same = levels(samples * 0.1, RATE)
    assert quieter == pytest.approx(level - 20, abs=0.01)
    assert same == pytest.approx(ratio, abs=0.01)


@pytest.mark.parametrize("length", [1, 5, 319, 321])
def test_silence_and_the_shortest_audio_are_measured(length: int) -> None:
    assert levels(np.zeros(length, np.float32), RATE) == (-100.0, 0.0)


@pytest.mark.parametrize(("cutoff", "expected"), [(8_000, 8_000), (4_000, 4_000), (3_400, 3_500)])
def test_bandwidth_is_where_nothing_is_left(cutoff, expected):
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(scale=0.1, size=32_000))
    spectrum[round(cutoff / 8_000 * (len(spectrum) - 1)) + 1 :] = 0
    samples = np.fft.irfft(spectrum).astype(np.float32)
    # at a sharp edge the short windows leak into the next three bands
    assert bandwidth_hz(samples, 16_000) == pytest.approx(expected, abs=750)
    # the gain does not count, nor does how long it lasts
    assert bandwidth_hz(np.tile(1e-3 * samples, 3), 16_000) == bandwidth_hz(samples, 16_000)


def test_silence_and_a_single_sample_have_a_bandwidth():
    assert bandwidth_hz(np.zeros(16_000, np.float32), 16_000) == 0.0
    assert 0 <= bandwidth_hz(np.ones(1, np.float32), 16_000) <= 8_000
