"""Channels that cancel, single channels, and samples beyond full scale."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.sounds import RATE, speech_like
from vibespeaker.audio.files import count_channels, examine, read_audio
from vibespeaker.audio.notes import hear
from vibespeaker.errors import AudioError
from vibespeaker.utterance import Excerpt

VOICE, OTHER = speech_like(1.0), speech_like(1.0, seed=1)


def written(path: Path, *channels: np.ndarray, subtype: str = "PCM_16") -> Path:
    soundfile.write(path, np.stack(channels, axis=1), RATE, subtype=subtype)
    return path


@pytest.mark.parametrize("factor", [-1.0, -0.9, -0.6])
def test_channels_that_cancel_are_said_and_one_is_used(tmp_path: Path, factor: float) -> None:
    path = written(tmp_path / "a.wav", VOICE, factor * VOICE)
    np.testing.assert_allclose(read_audio(path), VOICE, atol=2 / 32_768)
    (remark,) = examine(path).remarks
    assert remark.startswith("the channels cancel: ")
    assert remark.endswith("channel 1 is used alone")
    assert examine(path).level_db > -25


@pytest.mark.parametrize("channels", [(VOICE, VOICE), (VOICE, 0 * VOICE), (VOICE, OTHER), (VOICE, -0.2 * OTHER, OTHER)])
def test_other_channels_are_mixed(tmp_path: Path, channels: tuple[np.ndarray, ...]) -> None:
    heard = hear(written(tmp_path / "a.wav", *channels))
    np.testing.assert_allclose(heard.samples, np.mean(channels, axis=0), atol=2 / 32_768)
    assert heard.notes == (f"the mean of {len(channels)} channels",)


def test_one_channel_and_one_stretch(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", VOICE, OTHER)
    assert count_channels(path) == 2
    np.testing.assert_allclose(read_audio(path, Excerpt(channel=2)), OTHER, atol=2 / 32_768)
    stretch = read_audio(path, Excerpt(0.25, 0.75, 1))
    np.testing.assert_allclose(stretch, VOICE[RATE // 4 : 3 * RATE // 4], atol=2 / 32_768)
    with pytest.raises(AudioError, match="it has no channel 3, only 2"):
        read_audio(path, Excerpt(channel=3))
    with pytest.raises(AudioError, match=r"it holds no samples between 2 s and its end"):
        read_audio(path, Excerpt(start=2.0))


@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG", "AIFF"])
def test_a_stretch_of_any_format_is_that_of_the_whole(tmp_path: Path, format: str) -> None:
    path = tmp_path / "a"
    soundfile.write(path, speech_like(3.0), RATE, format=format)
    whole = read_audio(path)
    np.testing.assert_allclose(read_audio(path, Excerpt(1.0, 2.5)), whole[RATE : 5 * RATE // 2], atol=1e-6)


def test_samples_beyond_full_scale_are_brought_within_and_said(tmp_path: Path) -> None:
    loud = written(tmp_path / "loud.wav", VOICE / 0.1, subtype="FLOAT")
    peak = float(np.abs(VOICE).max() / 0.1)
    np.testing.assert_allclose(read_audio(loud), VOICE / np.abs(VOICE).max(), rtol=1e-5)
    assert examine(loud).remarks == (f"samples reach {peak:,.4g} times full scale, scaled down to fit",)
    # on the scale of 16 bits: the level is that of the recording
    whole = written(tmp_path / "whole.wav", VOICE * 32_768, subtype="FLOAT")
    np.testing.assert_allclose(read_audio(whole), VOICE, rtol=1e-5, atol=1e-7)
    assert "as on the scale of 16-bit integers: divided by 32,768" in examine(whole).remarks[0]
    for value in (1e30, 1e10):
        odd = written(tmp_path / "odd.wav", VOICE * value, subtype="DOUBLE")
        assert "times full scale: they are on no scale of audio" in str(examine(odd).problem)


def test_clipping_and_resampling_are_noted(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.clip(8 * VOICE, -1, 1), 8_000)
    resampled, clipped = hear(tmp_path / "a.wav").notes
    assert resampled == "resampled from 8,000 Hz to 16,000 Hz"
    assert clipped.startswith("clipped: ")
