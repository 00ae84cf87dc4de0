"""Whisper's input is that of transformers' feature extractor."""

import pytest
import torch

from vibespeaker.encoders.log_mels import HOP, LogMels


@pytest.mark.parametrize("mels", [80, 128])
@pytest.mark.parametrize("length", [480_000, 48_320])
def test_equals_transformers(mels: int, length: int) -> None:
    from transformers import WhisperFeatureExtractor

    extractor = WhisperFeatureExtractor(feature_size=mels)
    generator = torch.Generator().manual_seed(0)
    clips = [
        torch.randn(samples, generator=generator) * level for samples, level in ((48_000, 0.1), (1, 1), (777, 1e-4))
    ]
    expected = extractor(
        [clip.numpy() for clip in clips], sampling_rate=16_000, max_length=length, return_tensors="pt"
    ).input_features
    found = LogMels(extractor.mel_filters)(clips, length)
    assert found.shape == (3, mels, length // HOP)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_stays_float32_under_autocast() -> None:
    from transformers import WhisperFeatureExtractor

    mels = LogMels(WhisperFeatureExtractor().mel_filters)
    clip = torch.randn(4_000, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = mels([clip], 8_000)
    assert torch.equal(inside, mels([clip], 8_000))
