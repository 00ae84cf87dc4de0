"""Splits of a manifest that are read one batch at a time: frames from a cache, or audio and texts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from vibespeaker.audio.recordings import Recordings
from vibespeaker.batch import EmotionBatch, Frames
from vibespeaker.cache import EmbeddingCache
from vibespeaker.cache.keys import AUDIO
from vibespeaker.cache.precision import QuantizedBatch, QuantizedFrames
from vibespeaker.data.lengths import estimated_frames
from vibespeaker.data.live_views import LiveViews
from vibespeaker.data.memory import batch_memory
from vibespeaker.data.sampler import Key
from vibespeaker.data.targets import Targets
from vibespeaker.manifest import Manifest
from vibespeaker.manifest.texts import TEXT, text_column, text_names

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
    """Utterances as audio and text, for encoders that run inside the model.

    It holds Arrow columns, whose pages reading processes share; Python strings are copied by whoever looks at them.

    Args:
        manifest: with the columns of `audio.recordings`, `audio` empty for a text alone, whose waveform has no samples,
            texts, named ones too, `duration`, and `audio_sha256` where views are drawn.
        rows: `(N,)` row numbers in the manifest.
        targets: of the whole manifest.
        modalities: what is read, of `audio` and `text`; the other stays empty.
        views: draws the augmented views of the audio; None where all are clean.
        drawn: `(N,)` the one view of each utterance, instead of those that batches ask for.
    """

    def __init__(
        self,
        manifest: Manifest,
        rows: Rows,
        targets: Targets,
        modalities: Collection[str] = ("audio", "text"),
        views: LiveViews | None = None,
        drawn: Rows | None = None,
    ) -> None:
        self.recordings = Recordings(manifest)
        self.audio, self.texts = manifest.table.column("audio"), manifest.table.column(TEXT)
        names = text_names(manifest.table.schema.names)
        self.named_texts = {name: manifest.table.column(text_column(name)) for name in names}
        self.rows, self.targets, self.modalities = rows, targets, tuple(modalities)
        self.views, self.drawn = views, drawn
        self.contents = None if views is None else manifest.table.column(AUDIO)
        self.seconds = manifest.table.column("duration").to_numpy()[rows]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> Rows:
        """`(N,)` about how many frames each utterance has."""
        return estimated_frames(self.seconds)

    def __getitems__(self, keys: Sequence[Key]) -> EmotionBatch:
        """Read the utterances at `keys`, (position, view) each."""
        return self.add_inputs(_batch(self.rows, self.targets, keys), keys)

    def add_inputs(self, batch: EmotionBatch, keys: Sequence[Key]) -> EmotionBatch:
        """Return the same batch with audio and texts of its utterances."""
        inputs: dict[str, Any] = {}
        rows = [int(self.rows[at]) for at, _ in keys]
        if "audio" in self.modalities:
            views = [view if self.drawn is None else int(self.drawn[at]) for at, view in keys]
            inputs["audio"] = tuple(self._waveform(row, view) for row, view in zip(rows, views, strict=True))
        if "text" in self.modalities:
            inputs["texts"] = tuple(self.texts[row].as_py() or "" for row in rows)
            named = {name: [column[row].as_py() for row in rows] for name, column in self.named_texts.items()}
            inputs["named_texts"] = {name: tuple(text or "" for text in texts) for name, texts in named.items()}
        return replace(batch, **inputs)

    def _waveform(self, row: int, view: int) -> Tensor:
        if not self.audio[row].as_py():
            return torch.empty(0)
        samples = self.recordings.read(row)
        if self.views is not None and view:
            assert self.contents is not None
            samples = self.views.draw(samples, bytes.fromhex(self.contents[row].as_py()), view)
        return torch.from_numpy(samples)


class MixedSplit(Dataset[EmotionBatch]):
    """Utterances whose frames come from a cache for some encoders, and whose audio and texts for those in the model.

    Args:
        cached: their frames.
        live: their audio and texts, of the same rows.
    """

    def __init__(self, cached: CachedSplit, live: LiveSplit) -> None:
        self.cached, self.live = cached, live

    def __len__(self) -> int:
        return len(self.cached)

    @property
    def lengths(self) -> Rows:
        """`(N,)` frames of each utterance: of the audio that is encoded, which takes most of the memory, or cached."""
        return self.live.lengths if "audio" in self.live.modalities else self.cached.lengths

    def __getitems__(self, keys: Sequence[Key]) -> EmotionBatch:
        """Read the utterances at `keys`, (position, view) each; the same view of both."""
        return self.live.add_inputs(self.cached.__getitems__(keys), keys)


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
) -> EmotionBatch:
    chosen_rows = rows[np.fromiter((position for position, _ in keys), dtype=np.int64, count=len(keys))]
    chosen = targets.select(chosen_rows)
    return EmotionBatch(
        rows=torch.from_numpy(chosen_rows),
        category=torch.from_numpy(chosen.category),
        votes=torch.from_numpy(chosen.votes),
        attributes=torch.from_numpy(chosen.attributes),
        frames=frames or {},
        targets={name: torch.from_numpy(targets) for name, targets in chosen.heads.items()},
    )
