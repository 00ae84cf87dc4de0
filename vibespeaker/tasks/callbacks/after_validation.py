"""What is written once after each validation, from its scores."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from lightning.pytorch import Callback, LightningModule, Trainer

from vibespeaker.tasks.scores import Scores


class AfterValidation(Callback, ABC):
    """Writes the scores of each validation, on one process; the check before training is none.

    Args:
        scores: returns the scores of the last validation, None before the first.
    """

    def __init__(self, scores: Callable[[], Scores | None]) -> None:
        self.scores = scores

    @abstractmethod
    def write(self, trainer: Trainer, scores: Scores) -> None:
        """Write the scores to the loggers."""

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write."""
        scores = self.scores()
        if trainer.is_global_zero and not trainer.sanity_checking and scores is not None:
            self.write(trainer, scores)
