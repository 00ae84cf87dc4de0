"""What goes wrong while a run takes up the state of a checkpoint: its weights are hashed, the rest of it is not."""

from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.optim import Optimizer

from vibespeaker.errors import CheckpointError, VibeSpeakerError

_NOTE = "while the state of this checkpoint was taken up: "
#: Errors that say themselves what is wrong.
_CLEAR = (VibeSpeakerError, OSError, MemoryError, MisconfigurationException)


class Restoring(Callback):
    """Notes on an error that the state of a checkpoint caused; `unrestored` reads the note.

    That is an error before training goes on, and one of the first step of the optimisers, whose state shows there alone
    what it lacks.
    """

    def __init__(self) -> None:
        self._takes_up, self._stepped = True, False

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """From here on nothing comes from the checkpoint but what the optimisers took up."""
        self._takes_up = False

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """The step itself follows."""
        self._takes_up = not self._stepped

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """The optimisers could use what they took up, once they have stepped."""
        self._stepped, self._takes_up = self._stepped or self._takes_up, False

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Say which checkpoint it was."""
        path: Any = trainer.ckpt_path
        if path and self._takes_up and isinstance(exception, Exception) and not isinstance(exception, _CLEAR):
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
