"""Parts of a manifest that read themselves a batch at a time: frames from a cache, or audio and texts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from vibespeaker.audio import read_audio
from vibespeaker.batch import EmotionBatch, Frames, QuantizedFrames
from vibespeaker.cache import EmbeddingCache
from vibespeaker.data.memory import batch_memory
from vibespeaker.data.sampler import Key
from vibespeaker.data.targets import Targets

Rows = npt.NDArray[np.int64]


class CachedPart(Dataset[EmotionBatch]):
    """Utterances whose frames come from a cache.

    Args:
        cache: where frames are read.
        rows: `(N,)` row numbers in the manifest.
        targets: of the N utterances.
        entries: encoder name → `(views, N)` entry numbers; a text encoder has one row for all views.
    """

    def __init__(self, cache: EmbeddingCache, rows: Rows, targets: Targets, entries: Mapping[str, Rows]) -> None:
        self.cache, self.rows, self.targets, self.entries = cache, rows, targets, entries

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, keys: Sequence[Key]) -> EmotionBatch:
        """Read the utterances at `keys`, (position, view) each."""
        stacked = {name: self._frames(name, table, keys) for name, table in self.entries.items()}
        is_quantized = {name: frames.values.dtype == torch.int8 for name, frames in stacked.items()}
        frames = {name: frames for name, frames in stacked.items() if not is_quantized[name]}
        quantized = {
            name: QuantizedFrames(frames.values, frames.lengths)
            for name, frames in stacked.items()
            if is_quantized[name]
        }
        return _batch(self.rows, self.targets, keys, frames=frames, quantized=quantized)

    def _frames(self, name: str, table: Rows, keys: Sequence[Key]) -> Frames:
        views = len(table) - 1
        return stack_frames([self.cache.read(name, int(table[min(view, views), at])) for at, view in keys])


class LivePart(Dataset[EmotionBatch]):
    """Utterances as audio and text, for encoders that run inside the model; there are no augmented views.

    Args:
        paths: `(N,)` audio files; null for a text alone, whose waveform has no samples.
        texts: `(N,)` transcripts; the unknown ones are empty.
        rows: `(N,)` row numbers in the manifest.
        targets: of the N utterances.
    """

    def __init__(self, paths: Sequence[Path | None], texts: Sequence[str], rows: Rows, targets: Targets) -> None:
        self.paths = np.array([str(path or "") for path in paths], dtype=object)
        self.texts = np.array(texts, dtype=object)
        self.rows, self.targets = rows, targets

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, keys: Sequence[Key]) -> EmotionBatch:
        """Read the utterances at `keys`, (position, 0) each."""
        audio = tuple(_waveform(self.paths[at]) for at, _ in keys)
        texts = tuple(self.texts[at] for at, _ in keys)
        return _batch(self.rows, self.targets, keys, audio=audio, texts=texts)


def _waveform(path: str) -> Tensor:
    return torch.from_numpy(read_audio(Path(path))) if path else torch.empty(0)


def stack_frames(sequences: Sequence[Tensor]) -> Frames:
    """Copy sequences `(frames, dim)` into one zero-padded batch of their own type: one copy, straight off the file."""
    lengths = [len(sequence) for sequence in sequences]
    first = sequences[0]
    values = batch_memory((len(sequences), max(lengths), first.shape[1]), first.dtype)
    for row, sequence, length in zip(values, sequences, lengths, strict=True):
        row[:length].copy_(sequence)
        row[length:].zero_()
    return Frames(values, torch.tensor(lengths, dtype=torch.int64))


def _batch(
    rows: Rows,
    targets: Targets,
    keys: Sequence[Key],
    frames: Mapping[str, Frames] | None = None,
    quantized: Mapping[str, QuantizedFrames] | None = None,
    audio: tuple[Tensor, ...] = (),
    texts: tuple[str, ...] = (),
) -> EmotionBatch:
    at = np.fromiter((position for position, _ in keys), dtype=np.int64, count=len(keys))
    chosen = targets.select(at)
    return EmotionBatch(
        rows=torch.from_numpy(rows[at]),
        category=torch.from_numpy(chosen.category),
        votes=torch.from_numpy(chosen.votes),
        attributes=torch.from_numpy(chosen.attributes),
        frames=frames or {},
        quantized=quantized or {},
        audio=audio,
        texts=texts,
    )
