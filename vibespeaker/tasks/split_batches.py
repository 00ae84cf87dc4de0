"""What the data modules of all tasks have in common: batches of a manifest's splits, and the position in an epoch."""

from abc import ABC, abstractmethod

from lightning.pytorch import LightningDataModule

from vibespeaker.data.loader import BatchLoader, BatchReader
from vibespeaker.data.sampler import BatchSize, EvaluationBatches, Shard, TrainingBatches
from vibespeaker.data.splits import Purpose, Splits


class SplitDataModule(LightningDataModule, ABC):
    """Batches for training, and every utterance of the other splits once.

    Attributes:
        splits: which splits serve which purpose.
        evaluation_size: of batches outside training.
        workers: reading processes.
    """

    splits: Splits
    evaluation_size: BatchSize
    workers: int

    def __init__(self) -> None:
        super().__init__()
        self._training: BatchLoader | None = None
        self._resumed: dict[str, int] | None = None

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

    def predict_dataloader(self) -> BatchLoader:
        """Return every utterance to predict, clean, whatever its labels."""
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
        reader = self.evaluation_reader(purpose)
        return BatchLoader(reader, EvaluationBatches(reader.lengths, self.evaluation_size, self.shard), self.workers)
