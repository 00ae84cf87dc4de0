"""What a run needs of any task, whatever it learns: callbacks, checkpoints, records; under any `LightningCLI`."""

import shlex
import sys
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.trainer.states import TrainerFn

from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.models.checkpoint import WEIGHTS_KEY, weights_sha256
from vibespeaker.provenance import CHECKPOINT_KEY
from vibespeaker.tasks.callbacks.best_checkpoint import BestCheckpoint, CheckpointRule
from vibespeaker.tasks.callbacks.checkpoints import LastCheckpoint
from vibespeaker.tasks.callbacks.cost_record import CostRecord
from vibespeaker.tasks.callbacks.prediction_writer import PredictionWriter
from vibespeaker.tasks.callbacks.process_remark import ProcessRemark
from vibespeaker.tasks.callbacks.random_state import RandomStates

Data = TypeVar("Data", bound=LightningDataModule)


class Task(LightningModule):
    """A LightningModule with its callbacks and its rule of checkpoints; the run folder is `trainer.default_root_dir`.

    A subclass names its learning-rate schedule `lr` in `configure_optimizers`, so that it is logged as `lr`.

    Args:
        checkpoints: which states a run keeps. (An argument called `checkpoint` could not be loaded: Lightning has one.)

    Attributes:
        is_fixed: True for a system that is never trained, and so needs no checkpoint.
        has_weights: whether training began or a checkpoint was loaded; a subclass sets it where it does so.
    """

    is_fixed: ClassVar[bool] = False
    has_weights: bool = False

    def __init__(self, checkpoints: CheckpointRule) -> None:
        super().__init__()
        self.checkpoint_rule = checkpoints

    def configure_model(self) -> None:
        """Make the network on the processor, so that a seed gives the same first weights on any device.

        Lightning calls this in a context of the run's device, whose random numbers are others, and moves the network
        there afterwards.
        """
        with torch.device("cpu"):
            self.prepare_network()

    def prepare_network(self) -> None:
        """Make what depends on the attached data; nothing, for a task that has its network from the start."""

    def data_of(self, kind: type[Data]) -> Data:
        """Return the data module of the run.

        Raises:
            ConfigError: it is of another kind than `kind`.
        """
        found = self.trainer.datamodule
        if not isinstance(found, kind):
            raise ConfigError(
                f"model.class_path {type(self).__name__} does not read the data of data.class_path",
                found="none" if found is None else type(found).__name__,
                allowed=f"vibespeaker.tasks.{kind.__name__}, or a subclass",
            )
        return found

    def record(self) -> dict[str, Any]:
        """Return plain values: what this was trained on, for its checkpoints and the record of its run."""
        return {}

    def configure_callbacks(self) -> list[Callback]:
        """Return what runs beside training and prediction.

        Raises:
            ConfigError: a fixed system is to be trained.
        """
        stage, folder = self.trainer.state.fn, Path(self.trainer.default_root_dir)
        if stage == TrainerFn.PREDICTING and not any(isinstance(one, PredictionWriter) for one in self._given()):
            return [PredictionWriter(folder / "predictions.parquet", folder.name, shlex.join(sys.argv))]
        if stage != TrainerFn.FITTING:
            return []
        if self.is_fixed:
            raise ConfigError(
                f"{type(self).__name__} is not trained",
                allowed="validate, test, predict",
                remedy="train its members one by one",
            )
        return [] if self.trainer.fast_dev_run else [*self.training_callbacks(folder), *self._checkpoints(folder)]

    def training_callbacks(self, folder: Path) -> list[Callback]:
        """Return what runs beside training, but for checkpoints.

        Args:
            folder: the run folder.
        """
        rates = [LearningRateMonitor("step")] if self.trainer.loggers else []
        return [RandomStates(), CostRecord(folder), ProcessRemark(), *rates]

    def _given(self) -> list[Callback]:
        callbacks: list[Callback] = self.trainer.callbacks
        return callbacks

    def _checkpoints(self, folder: Path) -> list[Callback]:
        rule = self.checkpoint_rule
        best = [BestCheckpoint(folder, rule.monitors)] if rule.monitors else []
        return [*best, LastCheckpoint(folder, rule.every_batches)]

    def on_train_start(self) -> None:
        """Let mixed precision unscale gradients before they are clipped.

        A fused optimiser offers to unscale them within its step, and Lightning then refuses to clip. Without the offer
        they are unscaled before (with float16; bfloat16 has no scale), so that the clipped norm is that of the
        gradients, and the step is still the fused one.
        """
        if self.trainer.gradient_clip_val:
            for optimizer in self.trainer.optimizers:
                optimizer._step_supports_amp_scaling = False

    def on_validation_start(self) -> None:
        """Refuse weights that nobody trained."""
        self._check_weights()

    def on_test_start(self) -> None:
        """Refuse weights that nobody trained."""
        self._check_weights()

    def on_predict_start(self) -> None:
        """Refuse weights that nobody trained."""
        self._check_weights()

    def _check_weights(self) -> None:
        if not (self.is_fixed or self.has_weights):
            raise CheckpointError(
                "there are no trained weights to use",
                found=f"no checkpoints in run folder {self.trainer.default_root_dir}",
                remedy="name a trained run with --name and --runs, or a checkpoint with --ckpt_path",
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the record and the hash of the weights; refuse weights that are not finite.

        No later step could use those.

        Raises:
            CheckpointError: a weight is infinite or no number.
        """
        for name, value in checkpoint["state_dict"].items():
            if isinstance(value, torch.Tensor) and not torch.isfinite(value).all():
                raise CheckpointError(
                    f"weight {name} is not finite after step {checkpoint['global_step']}; nothing was saved",
                    remedy="go on from the checkpoints before with a lower learning rate, or clip gradients by "
                    "--trainer.gradient_clip_val",
                )
        # only one process writes
        weights = {WEIGHTS_KEY: weights_sha256(checkpoint["state_dict"])} if self.global_rank == 0 else {}
        checkpoint[CHECKPOINT_KEY] = {**self.record(), **weights}

    def write_predictions(self, path: Path, system: str, command: str) -> None:
        """Write what was predicted; see `WritesPredictions`.

        Raises:
            ConfigError: this task writes no table.
        """
        raise ConfigError(f"{type(self).__name__} writes no table of predictions", allowed="fit, validate, test")
