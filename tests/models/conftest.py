"""Random frames with known lengths, in small sizes, and a small network over frames."""

import torch
from torch import nn

from tests.tasks.conftest import run, spoken, toy  # noqa: F401 (fixtures)
from vibespeaker.batch import Frames
from vibespeaker.models import FrameNetwork


def make_frames(lengths, dim=6, padding=0, seed=0, dtype=torch.float32) -> Frames:
    """Random frames, zero-padded `padding` frames beyond the longest."""
    generator = torch.Generator().manual_seed(seed)
    sequences = [torch.randn(n, dim, generator=generator) for n in lengths]
    values = torch.zeros(len(lengths), max(lengths) + padding, dim)
    for row, sequence in zip(values, sequences, strict=True):
        row[: len(sequence)] = sequence
    return Frames(values.to(dtype), torch.tensor(lengths))


def spoil_padding(frames: Frames, extra: int, garbage: float) -> Frames:
    """The same frames with `extra` more padding, all of it filled with `garbage`."""
    batch, longest, dim = frames.values.shape
    values = torch.full((batch, longest + extra, dim), garbage, dtype=frames.values.dtype)
    values[:, :longest] = frames.values
    values[torch.arange(longest + extra) >= frames.lengths[:, None]] = garbage
    return Frames(values, frames.lengths)


class Widened(FrameNetwork):
    """A linear map of each frame to five values."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.output_dim = 5
        self.linear = nn.Linear(dim, 5)

    def forward(self, frames: Frames) -> Frames:
        mapped = self.linear(frames.values.to(self.linear.weight.dtype))
        return Frames(mapped.masked_fill(~frames.mask()[:, :, None], 0.0), frames.lengths)
