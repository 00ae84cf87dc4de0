"""What the data modules of all tasks have in common: batches of a manifest's splits, and the position in an epoch."""

import logging
from abc import ABC, abstractmethod
from pathlib import Path

from lightning.pytorch import LightningDataModule

from vibespeaker.data.epoch_items import allowed_leaks
from vibespeaker.data.loader import BatchLoader, BatchReader
from vibespeaker.data.sampler import BatchSize, EvaluationBatches, Rows, Shard, TrainingBatches
from vibespeaker.data.splits import Purpose, Splits, evaluated_rows
from vibespeaker.manifest import Manifest

log = logging.getLogger(__name__)

_STAGES: dict[str | None, tuple[Purpose, ...]] = {
    "fit": ("train", "validation"),
    "validate": ("validation",),
    "test": ("test",),
    "predict": ("predict",),
}


class SplitDataModule(LightningDataModule, ABC):
    """Batches for training, and every utterance of the other splits once.

    Attributes:
        manifest_path: the manifest.
        splits: which splits serve which purpose.
        evaluation_size: of batches outside training.
        workers: reading processes.
        allow_leaks: kinds of leaks to overlook.
        leaks: kind → what the splits share of it, once training is set up.
    """

    manifest_path: Path
    splits: Splits
    evaluation_size: BatchSize
    workers: int
    allow_leaks: list[str]
    leaks: dict[str, str]

    def __init__(self) -> None:
        super().__init__()
        self._training: BatchLoader | None = None
        self._resumed: dict[str, int] | None = None

    @property
    @abstractmethod
    def manifest(self) -> Manifest:
        """What is read of the manifest."""

    @abstractmethod
    def rows(self, purpose: Purpose) -> Rows:
        """Return the manifest's row numbers of a split, ascending; ConfigError where it is empty."""

    @abstractmethod
    def training_batches(self) -> tuple[BatchReader, TrainingBatches]:
        """Return what reads the training split, and its batches."""

    @abstractmethod
    def evaluation_reader(self, purpose: Purpose) -> BatchReader:
        """Return what reads all utterances for a purpose."""

    @property
    def shard(self) -> Shard:
        """This process among those of the run."""
        return Shard() if self.trainer is None else Shard(self.trainer.global_rank, self.trainer.world_size)

    def check_splits(self, stage: str | None) -> None:
        """Refuse empty splits; for training also those that share speakers or recordings, or record that they may."""
        for purpose in _STAGES.get(stage, ()):
            if not (stage == "fit" and purpose == "validation" and self.splits.validation == []):
                self.rows(purpose)
        if stage == "fit":
            splits = {"train": self.rows("train"), **evaluated_rows(self.manifest, self.splits)}
            self.leaks = allowed_leaks(self.manifest_path, splits, self.allow_leaks)
            for text in self.leaks.values():
                log.warning("allowed leak: %s; scores are optimistic", text)

    def train_dataloader(self) -> BatchLoader:
        """Return shuffled, length-bucketed batches of drawn views."""
        reader, batches = self.training_batches()
        self._training = BatchLoader(reader, batches, self.workers)
        if self._resumed is not None:
            self._training.load_state_dict(self._resumed)
        return self._training

    def val_dataloader(self) -> BatchLoader | list[BatchLoader]:
        """Return every utterance of the validation split, clean; none where training goes without."""
        return [] if self.splits.validation == [] else self._evaluation("validation")

    def test_dataloader(self) -> BatchLoader:
        """Return every utterance of the test split, clean."""
        return self._evaluation("test")

    def predict_dataloader(self) -> BatchLoader | list[BatchLoader]:
        """Return every utterance to predict, clean, whatever its labels; several loaders where it has several views."""
        return self._evaluation("predict")

    def state_dict(self) -> dict[str, int]:
        """Return the position of training in its epoch; the order itself follows from the seed."""
        return {} if self._training is None else self._training.state_dict()

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Restore that position, once the training batches are asked for.

        Lightning restores loaders by itself only if nothing asked for their length before.
        """
        self._resumed = state_dict

    def _evaluation(self, purpose: Purpose) -> BatchLoader:
        return self.evaluation_loader(self.evaluation_reader(purpose))

    def evaluation_loader(self, reader: BatchReader) -> BatchLoader:
        """Return batches of every utterance that a reader has."""
        return BatchLoader(reader, EvaluationBatches(reader.lengths, self.evaluation_size, self.shard), self.workers)
