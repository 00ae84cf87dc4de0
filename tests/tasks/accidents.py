"""What happens to training runs."""

import os
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from vibespeaker.files import write_text


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
    """Lets one process wait to be killed.

    Args:
        step: optimiser steps done by then.
        rank: which process waits.
        sign: file to write its number into.
    """

    def __init__(self, step: int, rank: int, sign: Path) -> None:
        self.step, self.rank, self.sign = step, rank, sign

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.step and trainer.global_rank == self.rank:
            write_text(self.sign, str(os.getpid()))
            time.sleep(600)
