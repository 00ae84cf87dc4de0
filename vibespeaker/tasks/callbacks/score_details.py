"""Scores that are watched rather than compared: each class by itself, and how predictions of attributes spread."""

from collections.abc import Callable

from lightning.pytorch import Callback, LightningModule, Trainer

from vibespeaker.tasks.scores import Scores


class ScoreDetails(Callback):
    """Logs `val/f1/CLASS` and `val/predicted/ATTRIBUTE_mean`, `…_deviation`, `…_slope` after each validation.

    Args:
        scores: returns the scores of the last validation, None before the first.
    """

    def __init__(self, scores: Callable[[], Scores | None]) -> None:
        self.scores = scores

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log."""
        scores = self.scores()
        if not trainer.is_global_zero or trainer.sanity_checking or scores is None:
            return
        for logger in trainer.loggers:
            logger.log_metrics({f"val/{name}": value for name, value in scores.details.items()}, trainer.global_step)
