"""Predictions of all processes become one table, every utterance once, in manifest order, calibrated if possible."""

from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from vibespeaker.calibration.applying import write_calibrated
from vibespeaker.files import file_sha256
from vibespeaker.predictions import Predictions, PredictionsMetadata
from vibespeaker.tasks.base import RecognitionTask
from vibespeaker.tasks.datamodule import EmotionDataModule
from vibespeaker.tasks.scores import SplitOutputs, collect


class PredictionWriter(Callback):
    """Writes the prediction table at the end of `predict`.

    Processes exchange their rows in memory (a dozen numbers per utterance), so that nothing is shared on disk and a
    killed run leaves nothing behind.

    Args:
        path: the table to write.
        system: what reports call the system.
        command: what made the table.
    """

    def __init__(self, path: Path, system: str, command: str) -> None:
        self.path, self.system, self.command = path, system, command
        self._seen: list[SplitOutputs] = []

    def on_predict_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any) -> None:
        """Keep the outputs of a batch."""
        self._seen.append(outputs)

    def on_predict_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gather and write."""
        outputs = collect(self._seen)
        self._seen = []
        if trainer.is_global_zero:
            assert isinstance(pl_module, RecognitionTask)
            assert isinstance(trainer.datamodule, EmotionDataModule)
            table = self._table(outputs, trainer, pl_module, trainer.datamodule)
            write_calibrated(table, Path(trainer.ckpt_path) if trainer.ckpt_path else None, self.path)
        trainer.strategy.barrier("predictions are written")

    def _table(
        self, outputs: SplitOutputs, trainer: Trainer, task: RecognitionTask, data: EmotionDataModule
    ) -> Predictions:
        rows = outputs.targets.rows.tolist()
        columns = data.names.select(rows)
        trained, here = task.provenance, data.provenance
        metadata = PredictionsMetadata(
            label_set=trained.label_set,
            classes=trained.classes,
            system=self.system,
            checkpoint=file_sha256(Path(trainer.ckpt_path)) if trainer.ckpt_path else None,
            manifest=here.manifest,
            cache=here.cache,
            synthetic=here.synthetic or trained.synthetic,
            provenance={**task.prediction_provenance(data), "command": self.command},
            label_policy=data.policy,
            heads=trained.heads,
        )
        output = outputs.output
        return Predictions.build(
            columns.column("utterance_id"),
            columns.column("file_name"),
            columns.column("split"),
            None if output.logits is None else output.logits.numpy(),
            None if output.attributes is None else output.attributes.numpy(),
            metadata,
            {name: head.numpy() for name, head in output.heads.items()},
        )
