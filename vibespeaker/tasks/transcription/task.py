"""Fine-tuning of a Whisper: teacher forcing while it trains, words and letters while it is validated."""

import logging
import warnings
from pathlib import Path
from typing import Any, Self

import torch
import torch.distributed as dist
from lightning.pytorch import Callback
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from vibespeaker.arguments.ranges import COUNT, require
from vibespeaker.data.speech import SpeechBatch
from vibespeaker.encoders.gradients import check_gradients
from vibespeaker.encoders.training import keep_frozen_still, read_training
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.evaluation.words.counting import Normalisation
from vibespeaker.manifest.texts import check_text_name, text_column
from vibespeaker.models.trained_weights import keep_trained_alone, rest_sha256
from vibespeaker.provenance import CHECKPOINT_KEY, TRANSCRIBER_KEY
from vibespeaker.tasks.callbacks.best_checkpoint import CheckpointRule
from vibespeaker.tasks.non_finite import stopping
from vibespeaker.tasks.optimizing import checked_optimizer, scheduled
from vibespeaker.tasks.processes import gathered, world_size
from vibespeaker.tasks.schedule import Schedule
from vibespeaker.tasks.task import Task
from vibespeaker.tasks.transcription.data import TranscriptionDataModule
from vibespeaker.tasks.transcription.folder import WhisperFolder
from vibespeaker.tasks.transcription.scores import SplitErrors, as_markdown, scores_of, worst_sentences
from vibespeaker.transcribe.trainable import LayerDropout, SpecAugment, TrainableWhisper

log = logging.getLogger(__name__)

_JOINT = {"val/loss": "min", "val/wer": "min", "val/cer": "min"}
_WORST = 10


class TranscriptionTask(Task):
    """Trains a Whisper on recordings and their texts, validates by loss, WER and CER, and hears.

    The loss is the mean cross-entropy of the tokens of a batch over all processes. With gradient accumulation each of
    the accumulated batches weighs the same, however many tokens it has. `validate` and `test` without a run score the
    checkpoint that training would start from.

    Args:
        whisper: folder, or name on the hub, of the Whisper to start from.
        language: ISO code of all utterances; null takes each utterance's own from the manifest.
        train: what of it learns, as beside an encoder's class_path: all, none, transformer, `{top: k}` (of encoder and
            decoder, in that order), `{lora: {rank: r}}`.
        dropout: of single layers, while training.
        spec_augment: masks over the input while training; null for none.
        gradient_checkpointing: whether layers are computed a second time in the backward pass instead of kept.
        beams: width of the beam search in validation; 1 is greedy.
        normalisation: of references and texts before errors are counted; see `vibespeaker wer`.
        optimizer: from the trained parameters to an optimiser; its learning rate is the maximum of the schedule.
        schedule: how the learning rate changes over the run.
        checkpoints: which states a run keeps; by default the best has a lower loss, WER and CER than the one before.
    """

    has_weights = True  # those that it starts from were trained
    prediction_suffixes = (".parquet",)

    def __init__(
        self,
        whisper: str = "openai/whisper-large-v3-turbo",
        language: str | None = None,
        train: str | dict[str, Any] = "all",
        dropout: LayerDropout = LayerDropout(),  # noqa: B008 (frozen)
        spec_augment: SpecAugment | None = None,
        gradient_checkpointing: bool = False,
        beams: int = 1,
        normalisation: Normalisation = "words",
        optimizer: OptimizerCallable = torch.optim.AdamW,
        schedule: Schedule = Schedule(),  # noqa: B008 (frozen)
        checkpoints: CheckpointRule = CheckpointRule(_JOINT),  # type: ignore[arg-type]  # noqa: B008 (frozen)
    ) -> None:
        super().__init__(checkpoints)
        with warnings.catch_warnings(action="ignore"):
            self.save_hyperparameters()
        require(COUNT, beams=beams)
        self.whisper, self.language, self.train_part = whisper, language, train
        spec = {"train": train, **({"gradient_checkpointing": True} if gradient_checkpointing else {})}
        self.training_plan = read_training(spec, "model.init_args")
        self.dropout, self.spec_augment = dropout, spec_augment
        self.beams, self.normalisation = beams, normalisation
        self.make_optimizer, self.schedule = optimizer, schedule
        self.speech: TrainableWhisper | None = None
        self.predicted: dict[int, str] = {}
        self._data_record: dict[str, Any] = {}

    @property
    def data(self) -> TranscriptionDataModule:
        """The data module of the run; see `data_of`."""
        return self.data_of(TranscriptionDataModule)

    @property
    def network(self) -> TrainableWhisper:
        """The Whisper, once it is built."""
        assert self.speech is not None
        return self.speech

    def prepare_network(self) -> None:
        """Load the Whisper, once, and check that the data speaks its languages."""
        if self.speech is None:
            self.speech = TrainableWhisper(self.whisper, self.training_plan, self.dropout, self.spec_augment)
            keep_trained_alone(self.speech)
            self._rest = rest_sha256(self.speech)
        if self._trainer is not None and self.trainer.state.fn == TrainerFn.FITTING:
            self._data_record = self.data.record()
        if self._trainer is not None and self.trainer.state.fn != TrainerFn.PREDICTING:
            self._check_texts()

    def _check_texts(self) -> None:
        """Refuse, before hours of work, utterances that cannot be learned or scored."""
        data = self.data
        purposes = {"fit": ("train", "validation"), "validate": ("validation",), "test": ("test",)}
        languages, texts = data.manifest.column("language"), data.manifest.column(text_column(data.text))
        for purpose in purposes[self.trainer.state.fn.value]:
            if purpose == "validation" and data.splits.validation == []:
                continue
            for row in data.rows(purpose).tolist():  # type: ignore[arg-type]
                language = self.language or languages[row]
                if language not in self.network.languages:
                    raise ConfigError(
                        f"{self.whisper} does not know the language of {data.names([row])[0]}",
                        found=language or "none",
                        allowed=self.network.languages,
                        remedy="set model.init_args.language",
                    )
                tokens = len(self.network.tokens(texts[row], language))
                if tokens > self.network.longest:
                    raise ConfigError(
                        f"the text of {data.names([row])[0]} is too long for {self.whisper}",
                        found=f"{tokens} tokens",
                        allowed=f"at most {self.network.longest}",
                        remedy="correct the text, or give the utterance another split",
                    )

    def record(self) -> dict[str, Any]:
        """Return the Whisper with what of it is trained, and the data."""
        own = {
            "whisper": self.whisper,
            "rest_sha256": self._rest,
            "train": self.train_part,
            "dropout": {"encoder": dict(self.dropout.encoder), "decoder": dict(self.dropout.decoder)},
            "language": self.language,
        }
        return {TRANSCRIBER_KEY: own, **self._data_record}

    def training_callbacks(self, folder: Path) -> list[Callback]:
        """Write the best Whisper as a folder at the end, beside what every task has."""
        return [*super().training_callbacks(folder), WhisperFolder(folder)]

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode; norms that are frozen keep their running statistics."""
        super().train(mode)
        if mode and self.speech is not None:
            keep_frozen_still(self.speech)
        return self

    def _languages(self, batch: SpeechBatch) -> list[str]:
        return [self.language or str(own) for own in batch.languages]

    def training_step(self, batch: SpeechBatch, batch_index: int) -> Tensor:
        """Return the loss of the batch over all processes, scaled for DDP's mean of gradients."""
        losses, tokens = self.network(batch.audio, batch.texts, self._languages(batch))
        total = torch.stack([losses.detach().sum(), tokens.sum().to(losses)])
        if world_size() > 1:
            dist.all_reduce(total)
        mean = total[0] / total[1]
        if not torch.isfinite(mean):
            raise stopping(mean, f"in a batch with {', '.join(self.data.names(batch.rows.tolist()))}")
        size = len(batch) * world_size()
        self.log("train/loss", mean, on_step=False, on_epoch=True, batch_size=size)
        self.log("loss", mean, prog_bar=True, logger=False, batch_size=size)
        return losses.sum() * world_size() / total[1]

    def on_after_backward(self) -> None:
        """Check once that everything that is to be trained learns."""
        if self.trainer.global_step == 0:
            check_gradients(self.network.named_parameters())

    def on_validation_epoch_start(self) -> None:
        """Forget what was scored before."""
        self.errors = SplitErrors(self.normalisation).to(self.device)

    on_test_epoch_start = on_validation_epoch_start

    def validation_step(self, batch: SpeechBatch, batch_index: int) -> None:
        """Keep loss and errors of a batch."""
        languages = self._languages(batch)
        losses, tokens = self.network(batch.audio, batch.texts, languages)
        texts = self.network.hear(batch.audio, languages, self.beams)
        self.errors.update(batch.rows, losses, tokens, batch.texts, texts)

    test_step = validation_step

    def on_validation_epoch_end(self) -> None:
        """Log `val/loss`, `val/wer`, `val/cer` and the worst sentences."""
        self._log_scores("val")

    def on_test_epoch_end(self) -> None:
        """Log `test/loss`, `test/wer` and `test/cer`."""
        self._log_scores("test")

    def _log_scores(self, prefix: str) -> None:
        table = self.errors.compute()
        worst = worst_sentences(table, self.errors.heard, _WORST)
        self.errors.reset()
        for name, value in scores_of(table).items():
            self.log(f"{prefix}/{name}", torch.tensor(value, dtype=torch.float64), prog_bar=True, batch_size=1)
        writer: Any = getattr(self.logger, "experiment", None)
        if worst and self.trainer.is_global_zero and hasattr(writer, "add_text"):
            names = [self.data.names([number])[0] for number, *_ in worst]
            writer.add_text(f"{prefix}/worst", as_markdown(worst, names), self.trainer.current_epoch)

    def predict_step(self, batch: SpeechBatch, batch_index: int) -> list[str]:
        """Return the texts of a batch, and keep them for the table."""
        languages = [self.language or own for own in batch.languages]
        texts = self.network.hear(batch.audio, languages, self.beams)
        self.predicted |= dict(zip(batch.rows.tolist(), texts, strict=True))
        return texts

    def write_predictions(self, path: Path, system: str, command: str) -> None:
        """Write the manifest with what was heard as texts called `system`, which `vibespeaker wer` reads."""
        check_text_name(system, "--system")
        texts: dict[int, str] = {}
        for share in gathered(self.predicted):
            texts |= share
        self.predicted = {}
        if self.trainer.is_global_zero:
            self.data.write_texts(path, system, texts, f"asr:{system}@{rest_sha256(self.network)[:12]}", command)
            log.info("wrote %s: %d texts called %s", path, len(texts), system)

    def configure_optimizers(self) -> dict[str, Any]:
        """Optimise what is not frozen; the schedule moves every step."""
        optimizer = checked_optimizer(self.make_optimizer, self.parameters())
        return scheduled(optimizer, self.schedule, self.trainer)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Build the Whisper, and check that what was not trained of it is the same.

        Raises:
            CheckpointError: it is not, or the checkpoint is of another task.
        """
        record = checkpoint.get(CHECKPOINT_KEY, {}).get(TRANSCRIBER_KEY)
        if record is None:
            raise CheckpointError("the checkpoint is of another task", allowed="one that a TranscriptionTask saved")
        self.configure_model()
        if record["rest_sha256"] != self._rest:
            raise CheckpointError(
                "the checkpoint was trained on top of other weights",
                found=self.whisper,
                allowed=record["whisper"],
                remedy="set model.init_args.whisper to the checkpoint that training started from",
            )
        self._data_record = {
            name: value for name, value in checkpoint[CHECKPOINT_KEY].items() if name != TRANSCRIBER_KEY
        }
