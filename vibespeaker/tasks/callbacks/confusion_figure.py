"""The confusion matrix of every validation, drawn into TensorBoard."""

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from vibespeaker.figures.categories import confusion_figure
from vibespeaker.tasks.base import RecognitionTask


class ConfusionFigure(Callback):
    """Adds the figure `val/confusion` after each validation that had categories."""

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw."""
        assert isinstance(pl_module, RecognitionTask)
        scores = pl_module.scores
        if not trainer.is_global_zero or trainer.sanity_checking or scores is None or scores.confusion is None:
            return
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                figure = confusion_figure(scores.confusion, pl_module.provenance.classes)
                logger.experiment.add_figure("val/confusion", figure, trainer.global_step)
