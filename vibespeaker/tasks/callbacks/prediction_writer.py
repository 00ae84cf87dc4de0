"""At the end of `predict` the task writes its table, once for all processes."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from lightning.pytorch import Callback, LightningModule, Trainer

from vibespeaker.errors import ConfigError
from vibespeaker.files.outputs import check_output


@runtime_checkable
class WritesPredictions(Protocol):
    """A task that keeps what it predicts and writes it as a table.

    An attribute `prediction_suffixes` names the suffixes of the files that it writes; without it any will do.
    """

    def write_predictions(self, path: Path, system: str, command: str) -> None:
        """Write what was predicted since the last call; every process calls it, the first one writes.

        Args:
            path: the table to write.
            system: what reports call the system.
            command: what made the table.
        """


class PredictionWriter(Callback):
    """Asks the task for its table when everything is predicted.

    Args:
        path: the table to write.
        system: what reports call the system.
        command: what made the table.
    """

    def __init__(self, path: Path, system: str, command: str) -> None:
        self.path, self.system, self.command = path, system, command

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse, before anything is computed, a module that writes none, or not into such a file."""
        if not isinstance(pl_module, WritesPredictions):
            raise ConfigError(
                f"{type(pl_module).__name__} writes no table of predictions",
                remedy="give it the method write_predictions(path, system, command)",
            )
        check_output(self.path, suffixes=getattr(pl_module, "prediction_suffixes", ()))

    def on_predict_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write."""
        assert isinstance(pl_module, WritesPredictions)
        pl_module.write_predictions(self.path, self.system, self.command)
        trainer.strategy.barrier("predictions are written")
