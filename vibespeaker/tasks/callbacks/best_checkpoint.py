"""Which state of a run is its best: by one logged value, or by several at once."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from vibespeaker.arguments.ranges import COUNT, require
from vibespeaker.errors import ConfigError
from vibespeaker.files.run_folder import BEST, checkpoint_path

Mode = Literal["max", "min"]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CheckpointRule:
    """The states that a run keeps besides its last one, `last.ckpt`, after every epoch.

    Args:
        monitor: logged name by which `best.ckpt` is chosen, such as `val/macro_f1`; or several, name → `max` or `min`:
            then it is saved whenever every one of them is strictly better than at the last save. Null keeps the last
            state only.
        mode: whether the highest or the lowest value of a single name is best.
        every_batches: also save the last state after so many batches within an epoch.
    """

    monitor: str | dict[str, Mode] | None = None
    mode: Mode = "max"
    every_batches: int | None = None

    def __post_init__(self) -> None:
        require(COUNT, **{"checkpoints.every_batches": self.every_batches})

    @property
    def monitors(self) -> dict[str, Mode]:
        """Logged name → which of its values are better."""
        if isinstance(self.monitor, str):
            return {self.monitor: self.mode}
        return dict(self.monitor or {})


class BestCheckpoint(Checkpoint):
    """Keeps `best.ckpt`.

    A state is saved when every monitored value is strictly better than at the last save, which is not the best value
    that each ever had: with loss and accuracy a later state with a better loss, but a worse accuracy, changes neither.
    Of a single value that is the best of the run. NaN is never better.

    Values of a validation are compared after it, those of training at the end of the epoch.

    Args:
        folder: the run folder.
        monitors: logged name → `max` or `min`, at least one.

    Attributes:
        saved: the values at the last save; empty before.
        epoch: the last save's, counted from 1; 0 before, and of runs that did not record it.
    """

    def __init__(self, folder: Path, monitors: Mapping[str, Mode]) -> None:
        self.path, self.monitors = checkpoint_path(folder, BEST), dict(monitors)
        self.saved: dict[str, float] = {}
        self.epoch = 0
        self._has_warned = False

    def state_dict(self) -> dict[str, Any]:
        """Return the values at the last save, and its epoch."""
        return {"saved": dict(self.saved), "epoch": self.epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the values at the last save, unless other values are monitored now."""
        if set(state_dict["saved"]) == set(self.monitors):
            self.saved, self.epoch = dict(state_dict["saved"]), int(state_dict.get("epoch", 0))

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take the best value from Lightning's own callback, which runs had before."""
        for name, state in checkpoint.get("callbacks", {}).items():
            is_same = name.startswith("ModelCheckpoint{") and [state.get("monitor")] == list(self.monitors)
            if is_same and state.get("best_model_score") is not None:
                self.saved = {state["monitor"]: float(state["best_model_score"])}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save if better, where only validation logs what is monitored."""
        if not trainer.sanity_checking and not self._reads_training:
            self._save_if_better(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save if better, where training logs something that is monitored, or nothing is validated."""
        if self._reads_training:
            self._save_if_better(trainer)
        elif not sum(trainer.num_val_batches) and not self._has_warned:
            self._has_warned = True
            log.warning("nothing is validated, so there is no best state: the run keeps its last one")

    @property
    def _reads_training(self) -> bool:
        return any(name.startswith("train/") for name in self.monitors)

    def _save_if_better(self, trainer: Trainer) -> None:
        missing = [name for name in self.monitors if name not in trainer.callback_metrics]
        if missing:
            raise ConfigError(
                "model.init_args.checkpoints.monitor names what the run does not log",
                found=", ".join(missing),
                allowed=sorted(trainer.callback_metrics),
                remedy="choose a name that is logged",
            )
        values = {name: float(trainer.callback_metrics[name]) for name in self.monitors}
        # every process takes part in saving, so all must agree
        if trainer.strategy.reduce_boolean_decision(self.is_better(values)):
            self.saved, self.epoch = values, trainer.current_epoch + 1  # before saving: the checkpoint holds them
            trainer.save_checkpoint(self.path)

    def is_better(self, values: Mapping[str, float]) -> bool:
        """Return whether every value is strictly better than at the last save; at first, whether none is NaN."""
        if not self.saved:
            return not any(math.isnan(value) for value in values.values())
        return all(
            values[name] > before if self.monitors[name] == "max" else values[name] < before
            for name, before in self.saved.items()
        )
