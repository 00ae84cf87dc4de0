"""One process's share of an extraction: claim chunks, read ahead, encode in batches, write whole shards in a thread.

A chunk belongs to whoever holds its claim; what is done is seen from the shards on disk alone. A process that finds all
remaining chunks claimed waits, and takes over those whose owner died, so that each returns only when all is done.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from vibespeaker.cache.merge import read_shard
from vibespeaker.cache.records import EncoderRecord
from vibespeaker.cache.shards import Entry, shard_names
from vibespeaker.claims import Claims
from vibespeaker.encoders.base import Encoder
from vibespeaker.extract.clips import Clip, ClipReader
from vibespeaker.extract.encoding import BatchEncoder
from vibespeaker.extract.plan import Plan
from vibespeaker.extract.writing import ShardWriter
from vibespeaker.progress import Tracker, tracked

_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class ReadingConfig:
    """How clips reach the encoder; none of it is part of the result's identity.

    Args:
        device: where the encoder runs.
        workers: processes that read ahead; 0 reads in the main process.
        batch_seconds: most seconds of audio in a batch, padding included.
        batch_clips: most clips in a batch.
        shards_behind: most shards that wait to be written while the encoder goes on; 0 writes each at once.
    """

    device: torch.device
    workers: int
    batch_seconds: float
    batch_clips: int
    shards_behind: int = 1

    @staticmethod
    def on(device: torch.device, workers: int | None, batch_seconds: float, batch_clips: int) -> "ReadingConfig":
        """Choose the workers where None are given: with a GPU up to eight, while a CPU is busy with the encoder."""
        chosen = (0 if device.type == "cpu" else min(8, os.cpu_count() or 1)) if workers is None else workers
        return ReadingConfig(device, chosen, batch_seconds, batch_clips)

    def batches(self, clips: npt.NDArray[np.int64], seconds: npt.NDArray[np.float64] | None) -> list[list[int]]:
        """Divide clips, sorted longest first, into batches; `seconds` is None for texts."""
        batches, start = [], 0
        while start < len(clips):
            count = self.batch_clips
            if seconds is not None:
                count = min(count, int(self.batch_seconds / max(seconds[start], 1e-3)))
            batches.append(clips[start : start + max(1, count)].tolist())
            start += len(batches[-1])
        return batches


@dataclass
class _Chunk:
    """A claimed chunk in progress."""

    claim: str
    todo: npt.NDArray[np.int64]
    left: int
    frames: dict[int, Tensor] = field(default_factory=dict)


class _Stream(Sampler[list[int]]):
    """Batches made on demand, so that a chunk is claimed only when its turn comes."""

    def __init__(self, make: Callable[[], Iterator[list[int]]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[list[int]]:
        return self._make()


class Extraction:
    """The extraction of one encoder.

    Args:
        folder: the encoder's folder in the cache.
        record: what is declared there.
        encoder: on its device, in evaluation mode.
        plan: all that is to be done.
        reader: reads the plan's clips.
        feeding: batch sizes, workers and device.
        claims: on this encoder's lock file.
    """

    def __init__(
        self,
        folder: Path,
        record: EncoderRecord,
        encoder: Encoder,
        plan: Plan,
        reader: ClipReader,
        feeding: ReadingConfig,
        claims: Claims,
    ) -> None:
        self._folder, self._record = folder, record
        self._encoder = BatchEncoder(encoder, record, feeding.device)
        self._plan, self._reader, self._feeding, self._claims = plan, reader, feeding, claims
        self._keys = plan.keys()
        self._done = np.zeros(len(plan), bool)
        self._seen: set[str] = set()
        self._chunk_of: dict[int, _Chunk] = {}
        self.problems: dict[int, str] = {}

    def run(self) -> None:
        """Work until every planned clip is in the cache or among `problems` (clip number → reason).

        Raises:
            CacheError: the cache cannot be written, or holds shards of another encoder.
        """
        self._look_around()
        with tracked(f"encoder {self._record.name}", len(self._plan)) as tracker:
            tracker.advance(int(self._done.sum()))
            while not self._finished.all():
                self._pass(tracker)
                if not self._finished.all():
                    time.sleep(_POLL_SECONDS)
                    tracker.advance(self._look_around())

    @property
    def _finished(self) -> npt.NDArray[np.bool_]:
        finished = self._done.copy()
        finished[list(self.problems)] = True
        return finished

    def _look_around(self) -> int:
        """Mark what shards on disk hold as done; return how many clips that are new."""
        before = int(self._done.sum())
        for name in shard_names(self._folder):
            if name in self._seen:
                continue
            self._seen.add(name)
            shard = read_shard(self._folder, name, self._record.identity)
            if shard is not None:
                found = self._keys.find(shard.contents, shard.views)
                self._done[found[found >= 0]] = True
        return int(self._done.sum()) - before

    def _pass(self, tracker: Tracker) -> None:
        """Go once through all chunks that are free."""
        loader = DataLoader(
            self._reader,
            batch_sampler=_Stream(lambda: self._claimed_batches(tracker)),
            num_workers=self._feeding.workers,
            collate_fn=_as_is,
            worker_init_fn=_leave_with_parent,
        )
        batches = iter(loader)
        with ShardWriter(self._folder, self._record, self._feeding.shards_behind) as writer:
            for encoded in self._encoder.encode(batches):
                self.problems |= encoded.problems
                chunk = self._chunk_of[encoded.clips[0].number]
                chunk.frames |= encoded.frames
                chunk.left -= len(encoded.clips)
                if chunk.left == 0:
                    self._write(chunk, writer)
                tracker.advance(len(encoded.clips))

    def _claimed_batches(self, tracker: Tracker) -> Iterator[list[int]]:
        for clips in self._plan.chunks:
            name = self._plan.name(clips)
            if self._finished[clips].all() or not self._claims.take(name):
                continue
            tracker.advance(self._look_around())
            todo = clips[~self._finished[clips]]
            if len(todo) == 0:
                self._claims.release(name)
                continue
            chunk = _Chunk(name, todo, len(todo))
            self._chunk_of |= dict.fromkeys(todo.tolist(), chunk)
            seconds = self._plan.sizes[todo] if self._record.modality == "audio" else None
            yield from self._feeding.batches(todo, seconds)

    def _write(self, chunk: _Chunk, writer: ShardWriter) -> None:
        """Queue an encoded chunk for writing; once it is written, mark it done and release its claim."""
        for number in chunk.todo.tolist():
            del self._chunk_of[number]
        kept = np.array([number for number in chunk.todo.tolist() if number in chunk.frames], np.int64)
        if len(kept) == 0:
            self._claims.release(chunk.claim)
            return
        contents, views = self._plan.contents[kept], self._plan.views[kept]
        entries = [
            Entry(content.tobytes(), int(view), chunk.frames[number])
            for content, view, number in zip(contents, views, kept.tolist(), strict=True)
        ]
        name = self._plan.name(kept)
        self._seen.add(name)  # its clips count as progress already, also where another process looks

        def let_go() -> None:
            self._done[kept] = True
            self._claims.release(chunk.claim)

        writer.write(name, entries, let_go)


def _as_is(clips: list[Clip]) -> list[Clip]:
    return clips


def _leave_with_parent(_: int) -> None:
    """End a reading process soon after its parent was killed.

    Otherwise it would block for ever on writing what it read: a full pipe whose readers are all such orphans.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
