"""A loader of whole batches that keeps its position, so that training resumes in the middle of an epoch."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, Dataset

from vibespeaker.batch import EmotionBatch
from vibespeaker.data.sampler import EvaluationBatches, Key, Rows, TrainingBatches
from vibespeaker.data.speech import SpeechBatch


class BatchReader(Protocol):
    """A split that is read one batch at a time."""

    def __len__(self) -> int: ...

    @property
    def lengths(self) -> Rows:
        """`(N,)` frames of each utterance, perhaps estimated."""
        ...

    def __getitems__(self, keys: Sequence[Key]) -> EmotionBatch | SpeechBatch:
        """Read the utterances at `keys`, (position, view) each, as one batch."""
        ...


def as_read(batch: Any) -> Any:
    """Collate nothing: the reader has filled the padded batch in place, which saves a copy of every frame."""
    return batch


class BatchLoader:
    """Iterates over batches and counts them.

    It is no `DataLoader` itself, since Lightning rebuilds those with other samplers.

    Args:
        reader: where batches are read.
        sampler: which utterances make a batch.
        workers: reading processes; 0 reads in this one, which is fastest while batches come from a memory-mapped cache.
    """

    def __init__(self, reader: BatchReader, sampler: TrainingBatches | EvaluationBatches, workers: int = 0) -> None:
        assert isinstance(reader, Dataset)
        self.reader, self.sampler = reader, sampler
        self.batch_sampler = None  # Lightning looks for one wherever there is a sampler
        self.batches_read = 0
        self._loader: DataLoader[Any] = DataLoader(
            reader,
            batch_sampler=sampler,
            num_workers=workers,
            collate_fn=as_read,
            pin_memory=torch.cuda.is_available(),
            # a generator of its own: starting an epoch must not draw from the global one
            generator=torch.Generator(),
        )

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[Any]:
        self.batches_read = getattr(self.sampler, "start", 0)
        for batch in self._loader:
            self.batches_read += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Return the epoch and the batches it has yielded; what workers have read ahead does not count."""
        return {"epoch": getattr(self.sampler, "epoch", 0), "batches": self.batches_read}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue after the batches of an interrupted epoch."""
        if isinstance(self.sampler, TrainingBatches):
            self.sampler.set_epoch(state["epoch"])
            self.sampler.start = state["batches"]
