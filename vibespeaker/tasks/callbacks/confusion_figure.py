"""The confusion matrix of every validation, drawn into TensorBoard."""

from collections.abc import Callable

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from vibespeaker.figures.categories import confusion_figure
from vibespeaker.tasks.scores import Scores


class ConfusionFigure(Callback):
    """Adds the figure `val/confusion` after each validation that had categories.

    Args:
        scores: returns the scores of the last validation, None before the first.
    """

    def __init__(self, scores: Callable[[], Scores | None]) -> None:
        self.scores = scores

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw."""
        scores = self.scores()
        if not trainer.is_global_zero or trainer.sanity_checking or scores is None or scores.confusion is None:
            return
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                figure = confusion_figure(scores.confusion, scores.classes)
                logger.experiment.add_figure("val/confusion", figure, trainer.global_step)
