"""Reading clips ahead of the encoders, batch by batch, in this process or in others."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Sampler

from vibespeaker.extract.clips import Clip, ClipReader
from vibespeaker.processes.threads import cores

_WATCH_SECONDS = 0.5


@dataclass(frozen=True)
class ReadingConfig:
    """How clips reach the encoders; none of it is part of the result's identity.

    Args:
        device: where the encoders run.
        workers: processes that read ahead; 0 reads in the main process.
        batch_seconds: most seconds of audio in a batch, padding included.
        batch_clips: most clips in a batch.
        shards_behind: most shards of an encoder that wait to be written while it goes on; 0 writes each at once.
    """

    device: torch.device
    workers: int
    batch_seconds: float
    batch_clips: int
    shards_behind: int = 1

    @staticmethod
    def on(device: torch.device, workers: int | None, batch_seconds: float, batch_clips: int) -> "ReadingConfig":
        """Choose the workers where None are given: with a GPU up to eight, while a CPU is busy with the encoder."""
        chosen = (0 if device.type == "cpu" else min(8, cores())) if workers is None else workers
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


class Batch(Protocol):
    """Clips that are to be read together."""

    @property
    def numbers(self) -> list[int]:
        """Their numbers in the plan."""
        ...


B = TypeVar("B", bound=Batch)


def read_ahead(batches: Iterable[B], reader: ClipReader, workers: int) -> Iterator[tuple[B, list[Clip]]]:
    """Yield each batch with its clips, in order, while the next ones are read ahead.

    Args:
        batches: made on demand, so that a chunk is claimed only when its turn comes.
        reader: reads a clip by its number.
        workers: reading processes; 0 reads here.
    """
    under_way: deque[B] = deque()

    def numbers() -> Iterator[list[int]]:
        for batch in batches:
            under_way.append(batch)
            yield batch.numbers

    loader = DataLoader(
        reader,
        batch_sampler=_Stream(numbers),
        num_workers=workers,
        collate_fn=_as_is,
        worker_init_fn=_leave_with_parent,
    )
    for clips in loader:
        yield under_way.popleft(), clips


class _Stream(Sampler[list[int]]):
    """Lists of numbers, made on demand."""

    def __init__(self, make: Callable[[], Iterator[list[int]]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[list[int]]:
        return self._make()


def _as_is(clips: list[Clip]) -> list[Clip]:
    return clips


def _leave_with_parent(_: int) -> None:
    """End a reading process soon after its parent was killed.

    Otherwise it would block for ever on writing what it read: a full pipe whose readers are all such orphans.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
