"""What a run says in plain lines: an epoch each where no bar can be drawn, and at its end what came out of it."""

import logging
import shlex
import time
from datetime import timedelta
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from vibespeaker.files.run_folder import BEST, CONFIG, LAST, checkpoint_path
from vibespeaker.tasks.callbacks.best_checkpoint import BestCheckpoint

log = logging.getLogger(__name__)


class RunLines(Callback):
    """Logs how a run goes on, in the first process.

    Args:
        folder: the run folder.
        each_epoch: whether every epoch gets a line, with the time that is left.
    """

    def __init__(self, folder: Path, each_epoch: bool) -> None:
        self.folder, self.each_epoch = folder, each_epoch
        self._began, self._first = 0.0, 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to count time."""
        self._began, self._first = time.monotonic(), trainer.current_epoch

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the epoch."""
        best, epoch = _best(trainer), trainer.current_epoch + 1
        if not (self.each_epoch and trainer.is_global_zero):
            return
        wanted = {"train/loss", "val/loss", *({} if best is None else best.monitors)}
        values = {name: float(value) for name, value in trainer.callback_metrics.items() if name in wanted}
        told = ", ".join(f"{name} {value:.4f}" for name, value in values.items())
        most = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else None
        left = ""
        if most is not None:
            seconds = (time.monotonic() - self._began) / (epoch - self._first) * (most - epoch)
            left = f"; {timedelta(seconds=round(seconds))} left"
        log.info("epoch %d%s: %s%s", epoch, "" if most is None else f" of {most}", told, left)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say what is best, where it is, and what to do with it."""
        if not trainer.is_global_zero:
            return
        best, path = _best(trainer), checkpoint_path(self.folder, BEST)
        which = BEST if best is not None and best.saved and path.is_file() else LAST
        if which == BEST and best is not None:
            scores = ", ".join(f"{name} {value:.4f}" for name, value in best.saved.items())
            log.info("best: %s in epoch %d of %d, %s", scores, best.epoch, trainer.current_epoch, path)
        else:
            last = checkpoint_path(self.folder, LAST)
            log.info("trained for %d epochs, the last state is %s", trainer.current_epoch, last)
        config = shlex.quote(str(self.folder / CONFIG))
        log.info("next: vibespeaker predict --config %s --ckpt_path %s", config, which)


def _best(trainer: Trainer) -> BestCheckpoint | None:
    callbacks: list[Callback] = trainer.callbacks
    return next((one for one in callbacks if isinstance(one, BestCheckpoint)), None)
