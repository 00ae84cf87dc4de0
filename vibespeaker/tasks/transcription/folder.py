"""At the end of training the best Whisper becomes a folder that every recogniser and transformers load."""

import logging
import shutil
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from vibespeaker.files import temporary_beside
from vibespeaker.files.run_folder import trained_checkpoint
from vibespeaker.models.checkpoint import check_stored, checkpoint_errors
from vibespeaker.transcribe.trainable import TrainableWhisper

log = logging.getLogger(__name__)

FOLDER = "whisper"
_PREFIX = "speech."


class WhisperFolder(Callback):
    """Writes `whisper/` into the run folder: weights of the best state, or the last where none is best, and tokenizer.

    Args:
        folder: the run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write, whole or not at all."""
        path = trained_checkpoint(self.folder)
        if not trainer.is_global_zero or path is None:
            return
        speech = pl_module.speech
        assert isinstance(speech, TrainableWhisper)
        with checkpoint_errors(path):
            content = torch.load(path, map_location="cpu", weights_only=True)
        check_stored(content, path)
        own = {name: value.detach().clone() for name, value in speech.state_dict().items()}
        best = {name.removeprefix(_PREFIX): value for name, value in content["state_dict"].items()}
        target = self.folder / FOLDER
        made = temporary_beside(target)
        try:
            speech.load_state_dict(best)
            speech.save(made)
        finally:
            speech.load_state_dict(own)
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)
        log.info("wrote %s, the Whisper of %s: transcribe --model %s", target, path.name, target)
