"""What goes wrong while a run takes up the state of a checkpoint: its weights are hashed, the rest of it is not."""

from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer

from vibespeaker.errors import CheckpointError, VibeSpeakerError

_NOTE = "while the state of this checkpoint was taken up: "
#: Errors that say themselves what is wrong.
_CLEAR = (VibeSpeakerError, OSError, MemoryError, MisconfigurationException)


class Restoring(Callback):
    """Notes on an error that it came up before training went on from a checkpoint; `unrestored` reads the note."""

    def __init__(self) -> None:
        self._begun = False

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """From here on nothing comes from the checkpoint."""
        self._begun = True

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Say which checkpoint it was."""
        path: Any = trainer.ckpt_path
        if path and not self._begun and isinstance(exception, Exception) and not isinstance(exception, _CLEAR):
            exception.add_note(f"{_NOTE}{path}")


def unrestored(error: BaseException) -> CheckpointError | None:
    """Return what to say of an error that a checkpoint's state caused, None for any other error."""
    paths = [note.removeprefix(_NOTE) for note in getattr(error, "__notes__", ()) if note.startswith(_NOTE)]
    if not paths:
        return None
    return CheckpointError(
        f"checkpoint {paths[0]} cannot be taken up",
        found=f"{type(error).__name__}: {' '.join(str(error).split())[:160]}",
        remedy="its weights are whole: start a new run from them with --model.init_args.init_from",
    )
