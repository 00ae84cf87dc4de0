"""Waveforms arrive as they were, wherever they are sent."""

import pytest
import torch

from vibespeaker.encoders.transfer import on_device

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")),
]


@pytest.mark.parametrize("device", DEVICES)
def test_each_clip_arrives_whole_as_float32(device: str) -> None:
    clips = [torch.randn(7), torch.randn(1, dtype=torch.float64, requires_grad=True), torch.randn(400)]
    arrived = on_device(clips, torch.device(device))
    assert [clip.device.type for clip in arrived] == [device] * 3
    for sent, clip in zip(clips, arrived, strict=True):
        assert (clip.dtype, clip.requires_grad) == (torch.float32, False)
        assert torch.equal(clip.cpu(), sent.detach().float())
