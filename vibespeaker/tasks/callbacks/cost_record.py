"""What training cost: time, clips per second, memory; `cost.json` in the run folder, updated after every epoch."""

import json
import platform
import resource
import sys
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from vibespeaker.batch import EmotionBatch
from vibespeaker.errors import TrainingError
from vibespeaker.files import write_text
from vibespeaker.files.inputs import read_json
from vibespeaker.files.stored_fields import fits

COST = "cost.json"
_COUNTED = ("seconds", "training_seconds", "clips")
_REMEDY = "remove it, and the run counts its cost from here"
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class CostRecord(Callback):
    """Measures training and writes its record; a resumed run goes on counting.

    The record: `seconds` from the start of training, validation and saving included; `training_seconds` without
    validation; `clips` seen by all processes in training; `clips_per_second` = clips / training seconds;
    `peak_memory_bytes` of the first process; `peak_device_memory_bytes` of its accelerator, null without one;
    `trained_parameters`; `devices`; `device`.

    Args:
        folder: the run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / COST
        self.seconds = self.training_seconds = 0.0
        self.clips = 0
        self._begun = self._training_since = 0.0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on from what an interrupted run has written; a new run counts from zero."""
        if trainer.ckpt_path and self.path.is_file():
            before = read_json(self.path, TrainingError, "record of a run's cost", _REMEDY)
            numbers: list[Any] = [before[name] for name in _COUNTED if fits(before.get(name), float)]
            if len(numbers) < len(_COUNTED):
                raise TrainingError(f"{self.path} is damaged", allowed=f"numbers: {_COUNTED}", remedy=_REMEDY)
            self.seconds, self.training_seconds, clips = map(float, numbers)
            self.clips = int(clips)
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self._begun = time.perf_counter()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock of training."""
        self._training_since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: EmotionBatch, batch_idx: int
    ) -> None:
        """Count clips; processes have batches of about the same size."""
        self.clips += len(batch) * trainer.world_size

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock of training while validating."""
        self._stop()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restart the clock of training."""
        self._training_since = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what was measured so far."""
        self._stop()
        now = time.perf_counter()
        self.seconds += now - self._begun
        self._begun = now
        if trainer.is_global_zero:
            write_text(self.path, json.dumps(self._record(trainer, pl_module), indent=2, sort_keys=True) + "\n")

    def _stop(self) -> None:
        now = time.perf_counter()
        self.training_seconds += now - self._training_since
        self._training_since = now

    def _record(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        accelerated = pl_module.device.type == "cuda"
        trained = sum(parameter.numel() for parameter in pl_module.parameters() if parameter.requires_grad)
        return {
            "seconds": self.seconds,
            "training_seconds": self.training_seconds,
            "clips": self.clips,
            "clips_per_second": self.clips / self.training_seconds if self.training_seconds else None,
            "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT,
            "peak_device_memory_bytes": torch.cuda.max_memory_allocated() if accelerated else None,
            "trained_parameters": trained,
            "devices": trainer.world_size,
            "device": torch.cuda.get_device_name() if accelerated else f"{platform.machine()} CPU",
        }
