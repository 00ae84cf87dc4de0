"""The confusion matrix of validations, drawn into TensorBoard."""

import math

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from vibespeaker.figures.categories import confusion_figure
from vibespeaker.tasks.callbacks.after_validation import AfterValidation
from vibespeaker.tasks.scores import Scores

#: Figures of one training: drawing one takes a fair share of a short epoch.
MOST_FIGURES = 5


class ConfusionFigure(AfterValidation):
    """Adds the figure `val/confusion` after validations of categories, five times in a training, also at its end."""

    def write(self, trainer: Trainer, scores: Scores) -> None:
        """Draw, where it is time."""
        if scores.confusion is None or not is_drawn(trainer.current_epoch, trainer.max_epochs):
            return
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                figure = confusion_figure(scores.confusion, scores.classes, with_counts=False)
                logger.experiment.add_figure("val/confusion", figure, trainer.global_step)


def is_drawn(epoch: int, epochs: int | None) -> bool:
    """Return whether an epoch's validation is drawn.

    Args:
        epoch: counted from 0.
        epochs: of the training; null or -1 where that is open.
    """
    if epochs is None or epochs < 1:
        return True
    return (epoch + 1) % math.ceil(epochs / MOST_FIGURES) == 0 or epoch + 1 == epochs
