"""Splits of a manifest that are read one batch at a time: frames from a cache, or audio and texts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from vibespeaker.audio.recordings import Recordings
from vibespeaker.batch import EmotionBatch, Frames
from vibespeaker.cache import EmbeddingCache
from vibespeaker.cache.precision import QuantizedBatch, QuantizedFrames
from vibespeaker.data.memory import batch_memory
from vibespeaker.data.sampler import Key
from vibespeaker.data.targets import Targets
from vibespeaker.manifest import Manifest
from vibespeaker.manifest.texts import TEXT, text_column, text_names

#: Frames per second by which live audio is measured for batching.
_FRAME_RATE = 50

Rows = npt.NDArray[np.int64]


class CachedSplit(Dataset[EmotionBatch]):
    """Utterances whose frames come from a cache.

    Args:
        cache: where frames are read.
        rows: `(N,)` row numbers in the manifest.
        targets: of the whole manifest.
        entries: encoder name → `(views, N)` entry numbers; a text encoder has one row for all views.
    """

    def __init__(self, cache: EmbeddingCache, rows: Rows, targets: Targets, entries: Mapping[str, Rows]) -> None:
        self.cache, self.rows, self.targets, self.entries = cache, rows, targets, entries

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> Rows:
        """`(N,)` frames of each utterance, of the encoder with most data."""
        lengths = {name: self.cache.lengths(name, table[0]) for name, table in self.entries.items()}
        size = {name: int(frames.sum()) * self.cache.encoders[name].frame_bytes for name, frames in lengths.items()}
        return lengths[max(size, key=lambda name: size[name])]

    def __getitems__(self, keys: Sequence[Key]) -> EmotionBatch:
        """Read the utterances at `keys`, (position, view) each."""
        stacked = {name: self._frames(name, table, keys) for name, table in self.entries.items()}
        frames = {name: read for name, read in stacked.items() if read.values.is_floating_point()}
        batch = _batch(self.rows, self.targets, keys, frames=frames)
        if len(frames) == len(stacked):
            return batch
        quantized = {
            name: QuantizedFrames(read.values, read.lengths) for name, read in stacked.items() if name not in frames
        }
        return QuantizedBatch(**vars(batch), quantized=quantized)

    def _frames(self, name: str, table: Rows, keys: Sequence[Key]) -> Frames:
        views = len(table) - 1
        return stack_frames([self.cache.read(name, int(table[min(view, views), at])) for at, view in keys])


class LiveSplit(Dataset[EmotionBatch]):
    """Utterances as audio and text, for encoders that run inside the model; there are no augmented views.

    It holds Arrow columns, whose pages reading processes share; Python strings are copied by whoever looks at them.

    Args:
        manifest: with the columns of `audio.recordings`, `audio` empty for a text alone, whose waveform has no samples,
            texts, named ones too, and `duration`.
        rows: `(N,)` row numbers in the manifest.
        targets: of the whole manifest.
    """

    def __init__(self, manifest: Manifest, rows: Rows, targets: Targets) -> None:
        self.recordings = Recordings(manifest)
        self.audio, self.texts = manifest.table.column("audio"), manifest.table.column(TEXT)
        names = text_names(manifest.table.schema.names)
        self.named_texts = {name: manifest.table.column(text_column(name)) for name in names}
        self.rows, self.targets = rows, targets
        self.seconds = manifest.table.column("duration").to_numpy()[rows]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> Rows:
        """`(N,)` about how many frames each utterance has."""
        return np.maximum(np.ceil(np.nan_to_num(self.seconds) * _FRAME_RATE).astype(np.int64), 1)

    def __getitems__(self, keys: Sequence[Key]) -> EmotionBatch:
        """Read the utterances at `keys`, (position, 0) each."""
        rows = [int(self.rows[at]) for at, _ in keys]
        audio = tuple(self._waveform(row) for row in rows)
        texts = tuple(self.texts[row].as_py() or "" for row in rows)
        named = {name: tuple(column[row].as_py() or "" for row in rows) for name, column in self.named_texts.items()}
        return replace(_batch(self.rows, self.targets, keys, audio=audio, texts=texts), named_texts=named)

    def _waveform(self, row: int) -> Tensor:
        return torch.from_numpy(self.recordings.read(row)) if self.audio[row].as_py() else torch.empty(0)


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
    audio: tuple[Tensor, ...] = (),
    texts: tuple[str, ...] = (),
) -> EmotionBatch:
    chosen_rows = rows[np.fromiter((position for position, _ in keys), dtype=np.int64, count=len(keys))]
    chosen = targets.select(chosen_rows)
    return EmotionBatch(
        rows=torch.from_numpy(chosen_rows),
        category=torch.from_numpy(chosen.category),
        votes=torch.from_numpy(chosen.votes),
        attributes=torch.from_numpy(chosen.attributes),
        frames=frames or {},
        audio=audio,
        texts=texts,
        targets={name: torch.from_numpy(targets) for name, targets in chosen.heads.items()},
    )
