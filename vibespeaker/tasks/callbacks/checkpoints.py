"""Checkpoints of a run: written whole or not at all, found by name, resumed or refused."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.files import atomic_path
from vibespeaker.files.run_folder import BEST, LAST, checkpoint_path
from vibespeaker.models.checkpoint import check_bytes, check_stored, checkpoint_errors

AUTO = "auto"


def find_checkpoint(folder: Path, wanted: str | None, fitting: bool) -> str | None:
    """Resolve the value of `--ckpt_path` to a file.

    Args:
        folder: the run folder.
        wanted: a path, `last` or `best` of this run, `auto` (the last one where there is one, to resume or to begin),
            or None.
        fitting: whether the run trains.

    Raises:
        CheckpointError: there is no such checkpoint.
        ConfigError: training would begin anew in the folder of a run that has checkpoints.
    """
    last = checkpoint_path(folder, LAST)
    if wanted == AUTO:
        return str(last) if last.is_file() else None
    if wanted is None:
        if fitting and last.is_file():
            raise ConfigError(
                f"run folder {folder} already holds a trained run",
                remedy="add --ckpt_path auto to go on with it, choose another --name, or remove the folder",
            )
        return None
    path = checkpoint_path(folder, wanted) if wanted in (LAST, BEST) else Path(wanted)
    if not path.is_file():
        present = sorted(str(file) for file in path.parent.glob("*.ckpt")) if path.parent.is_dir() else []
        raise CheckpointError(
            f"there is no checkpoint {path}" + (" to resume from" if fitting else ""),
            allowed=present or "none is there yet",
            remedy=("leave --ckpt_path out to begin, or " if fitting else "") + "correct --name, --runs or the path",
        )
    return str(path)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the final name and renames, so that a kill or a full disk leaves the previous checkpoint whole.

    A file that cannot be read raises one clear error.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write `checkpoint` to `path`.

        Raises:
            CheckpointError: the disk is full or the folder cannot be written.
        """
        try:
            # a file of Python's own: the one that torch opens does not say why it could not be written
            with atomic_path(Path(path)) as temporary, open(temporary, "wb") as file:
                torch.save(checkpoint, file)
        except (OSError, RuntimeError) as error:  # what torch meets on closing its archive hides what it met before
            met = error.__context__ if isinstance(error.__context__, OSError) else error
            raise CheckpointError(
                f"checkpoint {path} could not be written; the previous one is whole",
                found=met,
                remedy="free space or permit writing, then resume with --ckpt_path auto",
            ) from error

    def load_checkpoint(self, path: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Read `path`, also to resume.

        Raises:
            CheckpointError: the file is damaged or no checkpoint.
        """
        check_bytes(Path(path))
        with checkpoint_errors(path):
            checkpoint: dict[str, Any] = super().load_checkpoint(path, *args, **kwargs)
        # spawned processes also pass bare weights on in a file
        if "state_dict" in checkpoint or "pytorch-lightning_version" in checkpoint:
            check_stored(checkpoint, path)
        return checkpoint


class LastCheckpoint(Checkpoint):
    """Keeps `last.ckpt`, the state to resume from, up to date.

    Args:
        folder: the run folder.
        every_batches: also save after so many batches of an epoch; None saves at the end of epochs only.
    """

    def __init__(self, folder: Path, every_batches: int | None = None) -> None:
        self.path = checkpoint_path(folder, LAST)
        self.every_batches = every_batches

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Remove what a killed process left half-written."""
        if trainer.is_global_zero and stage == "fit":
            for leftover in self.path.parent.glob(".*.tmp"):
                leftover.unlink(missing_ok=True)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Save in mid-epoch; the epoch's last batch is saved at the epoch's end."""
        done = trainer.fit_loop.epoch_loop.batch_progress.current.ready
        if self.every_batches and done % self.every_batches == 0 and done < trainer.num_training_batches:
            trainer.save_checkpoint(self.path)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save after every epoch."""
        trainer.save_checkpoint(self.path)
