"""On request: the clips of the last validation that were answered worst, to be seen and heard in TensorBoard."""

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from vibespeaker.arguments.ranges import COUNT, require
from vibespeaker.audio.recordings import COLUMNS, Recordings
from vibespeaker.errors import ConfigError
from vibespeaker.figures.spectrogram import spectrogram_figure
from vibespeaker.labels import ATTRIBUTES, NO_CATEGORY
from vibespeaker.manifest import Manifest
from vibespeaker.tasks.base import RecognitionTask
from vibespeaker.tasks.scores import SplitOutputs
from vibespeaker.utterance import SAMPLE_RATE


class WorstClips(Callback):
    """Writes spectrogram, audio and answer of the worst clips, `worst/1` and so on, when training ends.

    Worst is the least probable true category; where there are no categories, the largest squared error of the
    attributes. It is for oneself: recordings of a corpus stand in the event file afterwards.

    Args:
        count: how many.
    """

    def __init__(self, count: int = 10) -> None:
        require(COUNT, count=count)
        self.count = count

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write them.

        Raises:
            ConfigError: the task scores no utterances.
        """
        if not isinstance(pl_module, RecognitionTask):
            raise ConfigError(f"WorstClips needs a task that scores utterances, not {type(pl_module).__name__}")
        if not trainer.is_global_zero or pl_module.scores is None:
            return
        outputs, path = pl_module.scored.scored, pl_module.data.manifest_path
        costs = costs_of(outputs)
        order = costs.nan_to_num(-1.0).argsort(descending=True, stable=True)[: self.count].tolist()
        manifest = Manifest.read(path, (*COLUMNS, "utterance_id", "audio_sha256"))
        recordings = Recordings(manifest)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                for place, at in enumerate(order, start=1):
                    row = int(outputs.targets.rows[at])
                    samples = recordings.read(row, manifest.table.column("audio_sha256")[row].as_py())
                    name = manifest.table.column("utterance_id")[row].as_py()
                    title = f"{name}: {described(outputs, at, pl_module.scores.classes)}"
                    figure = spectrogram_figure(samples, SAMPLE_RATE, title)
                    write, step = logger.experiment, trainer.global_step
                    write.add_figure(f"worst/{place}", figure, step)
                    write.add_audio(f"worst/{place}", torch.from_numpy(samples)[None], step, SAMPLE_RATE)
                    write.add_text(f"worst/{place}", title, step)


def costs_of(outputs: SplitOutputs) -> Tensor:
    """Return `(utterances,)`, how bad each answer is, NaN where nothing is known of an utterance.

    Args:
        outputs: of a split.
    """
    output, targets = outputs.output, outputs.targets
    if output.logits is not None:
        known = targets.category != NO_CATEGORY
        chosen = output.logits.log_softmax(1).gather(1, targets.category.clamp(min=0)[:, None])[:, 0]
        return torch.where(known, -chosen, torch.nan)
    assert output.attributes is not None
    return (output.attributes - targets.attributes).square().nanmean(1)


def described(outputs: SplitOutputs, at: int, classes: tuple[str, ...]) -> str:
    """Return what was true and what was answered, in words."""
    output, targets = outputs.output, outputs.targets
    words = []
    if output.logits is not None and len(classes) == output.logits.shape[1]:
        true = int(targets.category[at])
        told = "unknown" if true == NO_CATEGORY else classes[true]
        words.append(f"{told}, answered {classes[int(output.logits[at].argmax())]}")
    if output.attributes is not None:
        pairs = zip(ATTRIBUTES, targets.attributes[at].tolist(), output.attributes[at].tolist(), strict=True)
        words += [f"{name} {true:.1f}, answered {answer:.1f}" for name, true, answer in pairs]
    return "; ".join(words)
