"""Random frames with known lengths, in small sizes."""

import torch

from tests.tasks.conftest import run, toy  # noqa: F401 (fixtures)
from vibespeaker.batch import Frames


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
