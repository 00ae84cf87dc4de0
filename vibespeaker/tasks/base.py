"""What every emotion system does under the trainer: score a split as a whole, and write its predictions."""

import logging
from abc import abstractmethod
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from lightning.pytorch import Callback
from torch import Tensor

from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.calibration.applying import write_calibrated
from vibespeaker.calibration.store import Calibration, find_calibration
from vibespeaker.files import file_sha256
from vibespeaker.models.checkpoint import open_checkpoint
from vibespeaker.predictions import TABLE_SUFFIXES
from vibespeaker.provenance import Provenance
from vibespeaker.systems.base import finite
from vibespeaker.tasks.callbacks.best_checkpoint import CheckpointRule
from vibespeaker.tasks.callbacks.confusion_figure import ConfusionFigure
from vibespeaker.tasks.callbacks.score_details import ScoreDetails
from vibespeaker.tasks.datamodule import EmotionDataModule
from vibespeaker.tasks.gathering import SplitScores, ViewedOutputs
from vibespeaker.tasks.prediction_table import prediction_table
from vibespeaker.tasks.scores import Scores, SplitOutputs
from vibespeaker.tasks.task import Task

log = logging.getLogger(__name__)


class RecognitionTask(Task):
    """Validates, tests and predicts with what `recognize` returns, on the batches of an `EmotionDataModule`.

    Args:
        checkpoints: which states a run keeps.

    Attributes:
        provenance: what the system was trained on; set when it is set up or loaded.
        scores: of the last split that was scored, None before.
    """

    provenance: Provenance
    scores: Scores | None = None
    scored: SplitScores
    prediction_suffixes = TABLE_SUFFIXES

    def __init__(self, checkpoints: CheckpointRule = CheckpointRule()) -> None:  # noqa: B008 (frozen)
        super().__init__(checkpoints)
        self.predicted = ViewedOutputs()

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, **options: Any) -> Self:
        """Load a task as Lightning does, after the checks that every checkpoint passes.

        Raises:
            CheckpointError: see `models.checkpoint.open_checkpoint`.
        """
        named = open_checkpoint(Path(checkpoint_path)).hyper_parameters  # with present class paths
        return super().load_from_checkpoint(checkpoint_path, **{**named, **options})

    @property
    def data(self) -> EmotionDataModule:
        """The data module of the run; see `data_of`."""
        return self.data_of(EmotionDataModule)

    @property
    def checkpoint(self) -> Path | None:
        """The file that the answers come from, beside which its calibration may lie; None where there is no single one.

        It is known once the trainer runs.
        """
        return Path(self.trainer.ckpt_path) if self.trainer.ckpt_path else None

    @property
    def identity(self) -> str | None:
        """SHA-256 by which predictions and calibrations know what answers; None where it has none."""
        return None if self.checkpoint is None else file_sha256(self.checkpoint)

    @property
    def calibration(self) -> Calibration | None:
        """What was fitted for the system: the file beside its checkpoint, or that of a model folder; None without."""
        if self.checkpoint is None or self.identity is None:
            return None
        return find_calibration(self.checkpoint, self.identity)

    @abstractmethod
    def recognize(self, batch: EmotionBatch) -> EmotionOutput:
        """Return logits in the order of the provenance's classes, and attributes."""

    @abstractmethod
    def prediction_provenance(self, data: EmotionDataModule) -> dict[str, Any]:
        """Return what a prediction table records of the system, for the closed-condition guard.

        Args:
            data: what was predicted.
        """

    def record(self) -> dict[str, Any]:
        """Return the provenance."""
        return self.provenance.to_checkpoint()

    def training_callbacks(self, folder: Path) -> list[Callback]:
        """Draw confusion matrices and log scores in detail, beside what every task has."""
        own = [ConfusionFigure(lambda: self.scores), ScoreDetails(lambda: self.scores)]
        return [*super().training_callbacks(folder), *own]

    def objective(self, outputs: SplitOutputs) -> dict[str, Tensor]:
        """Return name → loss of a whole split, `loss` among them; empty where nothing is minimised."""
        return {}

    def on_validation_epoch_start(self) -> None:
        """Forget what was scored before."""
        self._begin_scoring()

    def on_test_epoch_start(self) -> None:
        """Forget what was scored before."""
        self._begin_scoring()

    def validation_step(self, batch: EmotionBatch, batch_index: int) -> None:
        """Keep the outputs of a batch of the validation split."""
        self.scored.update(self._answer(batch), batch)

    def test_step(self, batch: EmotionBatch, batch_index: int) -> None:
        """Keep the outputs of a batch of the test split."""
        self.scored.update(self._answer(batch), batch)

    def predict_step(self, batch: EmotionBatch, batch_index: int, dataloader_idx: int = 0) -> EmotionOutput:
        """Return the outputs of a batch, and keep them for the table; each view has a loader of its own."""
        output = self._answer(batch)
        self.predicted.update(output, batch, dataloader_idx)
        return output

    def on_validation_epoch_end(self) -> None:
        """Log `val/…`."""
        self._log_scores("val")

    def on_test_epoch_end(self) -> None:
        """Log `test/…`."""
        self._log_scores("test")

    def write_predictions(self, path: Path, system: str, command: str) -> None:
        """Write one row per utterance, in manifest order, calibrated where the checkpoint has a calibration.

        Means over views are other answers than those that it was fitted on, so they have an identity of their own, and
        are written as they are.
        """
        outputs = self.predicted.outputs(self.provenance.heads)
        if self.trainer.is_global_zero:
            provenance = {**self.prediction_provenance(self.data), "command": command}
            views, identity, calibration = self.data.prediction_views, self.identity, self.calibration
            if views:
                provenance["views"] = views
                identity = None if identity is None else sha256(f"{identity} {views}".encode()).hexdigest()
                if calibration is not None:
                    log.info(
                        "means over views are not calibrated: the calibration was fitted on answers to clean audio"
                    )
                    calibration = None
            rows, output = outputs.targets.rows.numpy(), outputs.output
            table = prediction_table(rows, output, self.provenance, self.data, system, identity, provenance)
            write_calibrated(table, calibration, path)
            splits = ", ".join(map(str, table.frame["split"].dropna().unique())) or "no split"
            log.info("wrote %s: %d rows (%s)", path, len(table.frame), splits)

    def _answer(self, batch: EmotionBatch) -> EmotionOutput:
        """Return the outputs of a batch; beside training, which may diverge, they must be finite."""
        output = self.recognize(batch)
        return output if self.trainer.state.fn == "fit" else finite(output, "the system")

    def _begin_scoring(self) -> None:
        scores = SplitScores(self.provenance.labels, self.provenance.heads, self.objective)
        self.scored = scores.to(self.device)

    def _log_scores(self, prefix: str) -> None:
        self.scored.compute()
        self.scores = self.scored.result
        self.scored.reset()
        for name, value in self.scores.values.items():
            monitored = f"{prefix}/{name}" in self.checkpoint_rule.monitors
            # every process has the same numbers, so nothing is left to synchronise
            self.log(f"{prefix}/{name}", value, prog_bar=monitored, batch_size=1)
