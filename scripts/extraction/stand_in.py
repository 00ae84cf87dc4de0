"""A stand-in for a large encoder on a fast device, to measure everything around it where there is no such device."""

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from vibespeaker.batch import Frames
from vibespeaker.encoders.base import Encoder
from vibespeaker.provenance import Fingerprint, Modality

HOP = 320


class StandIn(Encoder):
    """Waits as long as a device would compute, then gives frames of Whisper-large's width: noise, always the same.

    Args:
        clips_a_second: of the device; the default is about 40 % of an H100's peak for Whisper-large on 30 s.
    """

    modality: Modality = "audio"
    dim = 1280
    frames_per_second = 50.0

    def __init__(self, clips_a_second: float = 175.0) -> None:
        super().__init__()
        self.clips_a_second = clips_a_second
        self.noise = torch.randn(64, 1500, self.dim, dtype=torch.bfloat16)

    def fingerprint(self) -> Fingerprint:
        """Return what identifies the noise."""
        return Fingerprint({"kind": "stand-in"})

    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Wait, and return `ceil(samples / HOP)` frames each."""
        time.sleep(len(inputs) / self.clips_a_second)
        lengths = torch.tensor([-(-len(clip) // HOP) for clip in inputs])
        return Frames(self.noise[: len(inputs), : int(lengths.max())], lengths)
