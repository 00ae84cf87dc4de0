"""What happens to training runs."""

import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class AccidentError(Exception):
    """The run ends here."""


class StopsAt(Callback):
    """Ends the run before a batch.

    Args:
        step: optimiser steps done by then.
    """

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.step:
            raise AccidentError


class StopsInValidation(Callback):
    """Ends the run in the middle of the validation after an epoch.

    Args:
        epoch: counts from 0.
    """

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_validation_batch_start(self, trainer: Trainer, *_: Any) -> None:
        if trainer.current_epoch == self.epoch:
            raise AccidentError


class Dawdles(Callback):
    """Leaves time to be killed, from a step on, and says where it is.

    Args:
        step: optimiser steps done by then.
        sign: file to make.
    """

    def __init__(self, step: int, sign: Path) -> None:
        self.step, self.sign = step, sign

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.step:
            self.sign.touch()
            time.sleep(600)
