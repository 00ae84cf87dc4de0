"""The confusion matrix of every validation, drawn into TensorBoard."""

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from vibespeaker.figures.categories import confusion_figure
from vibespeaker.tasks.callbacks.after_validation import AfterValidation
from vibespeaker.tasks.scores import Scores


class ConfusionFigure(AfterValidation):
    """Adds the figure `val/confusion` after each validation that had categories."""

    def write(self, trainer: Trainer, scores: Scores) -> None:
        """Draw."""
        if scores.confusion is None:
            return
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                figure = confusion_figure(scores.confusion, scores.classes, with_counts=False)
                logger.experiment.add_figure("val/confusion", figure, trainer.global_step)
