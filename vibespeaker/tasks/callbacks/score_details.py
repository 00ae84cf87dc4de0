"""Scores that are watched rather than compared: each class by itself, and how predictions of attributes spread."""

from lightning.pytorch import Trainer

from vibespeaker.tasks.callbacks.after_validation import AfterValidation
from vibespeaker.tasks.scores import Scores


class ScoreDetails(AfterValidation):
    """Logs `val/f1/CLASS` and `val/predicted/ATTRIBUTE_mean`, `…_deviation`, `…_slope` after each validation."""

    def write(self, trainer: Trainer, scores: Scores) -> None:
        """Log."""
        for logger in trainer.loggers:
            logger.log_metrics({f"val/{name}": value for name, value in scores.details.items()}, trainer.global_step)
