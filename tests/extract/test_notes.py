"""What extraction says of the recordings that it read, and whose channel it encodes."""

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests.extract.toy import run, strided
from tests.manifests import manifest_of
from tests.sounds import speech_like
from vibespeaker.audio.files import examine_excerpts, read_audio
from vibespeaker.cache import EmbeddingCache
from vibespeaker.manifest import Manifest
from vibespeaker.utterance import Excerpt


def test_channels_have_frames_of_their_own_and_changes_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    call = tmp_path / "call.wav"
    soundfile.write(call, np.stack([speech_like(0.5, 0, 8_000), speech_like(0.5, 1, 8_000)], axis=1), 8_000)
    excerpts = [Excerpt(channel=channel) for channel in (None, 1, 2)]
    rows = [
        {"name": f"call{number}", "audio": "call.wav", "channel": one.channel, "duration": 0.5}
        | {"audio_sha256": fact.sha256, "recording_sha256": fact.recording_sha256}
        for number, (one, fact) in enumerate(zip(excerpts, examine_excerpts(call, excerpts), strict=True))
    ]
    manifest_of(rows, str(tmp_path)).write(tmp_path / "manifest.parquet")
    with caplog.at_level(logging.INFO):
        assert run(tmp_path) == 0
    for line in (
        "3 clips: resampled from 8,000 Hz to 16,000 Hz",
        *("1 clips: the mean of 2 channels", "1 clips: channel 1 of 2", "1 clips: channel 2 of 2"),
    ):
        assert line in caplog.text
    manifest, cache = Manifest.read(tmp_path / "manifest.parquet"), EmbeddingCache.open(tmp_path / "cache")
    for excerpt, entry in zip(excerpts, cache.entries("sound", manifest), strict=True):
        frames = strided(torch.from_numpy(read_audio(call, excerpt))).bfloat16()
        assert torch.equal(cache.read("sound", int(entry)), frames)
