"""What happens to training runs."""

import os
import time
from pathlib import Path
from typing import Any, BinaryIO

import torch
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


def dawdle(sign: Path) -> None:
    """Write this process's number into the file `sign` and wait to be killed."""
    write_text(sign, str(os.getpid()))
    time.sleep(600)


class _Dawdles(Callback):
    """Lets one process wait to be killed.

    Args:
        step: optimiser steps done by then.
        rank: which process waits.
        sign: file to write its number into.
    """

    def __init__(self, step: int, rank: int, sign: Path) -> None:
        self.step, self.rank, self.sign = step, rank, sign


class DawdlesInTraining(_Dawdles):
    """Waits before a batch."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.step and trainer.global_rank == self.rank:
            dawdle(self.sign)


class DawdlesInValidation(_Dawdles):
    """Waits before the last batch of a validation."""

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        is_last = batch_idx == trainer.num_val_batches[dataloader_idx] - 1
        if trainer.global_step == self.step and trainer.global_rank == self.rank and is_last:
            dawdle(self.sign)


class DawdlesInWriting(Callback):
    """Lets the first process wait to be killed when half of a checkpoint is on disk.

    Args:
        step: optimiser steps of the checkpoint.
        rank: the first process, which is the one that writes.
        sign: file to write its number into.
    """

    def __init__(self, step: int, rank: int, sign: Path) -> None:
        assert rank == 0
        self.step, self.sign = step, sign

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        save = torch.save

        def save_half(value: Any, file: BinaryIO, **options: Any) -> None:
            save(value, file, **options)
            if isinstance(value, dict) and value.get("global_step") == self.step:
                file.truncate(file.tell() // 2)
                dawdle(self.sign)

        torch.save = save_half
