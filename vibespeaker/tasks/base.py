"""What every task does: score a split as a whole, and return predictions."""

from abc import abstractmethod
from typing import Any

from lightning.pytorch import LightningModule
from torch import Tensor

from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.provenance import Provenance
from vibespeaker.tasks.datamodule import EmotionDataModule
from vibespeaker.tasks.scores import Scores, SplitOutputs, collect, score


class RecognitionTask(LightningModule):
    """Validates, tests and predicts with what `recognize` returns.

    Attributes:
        provenance: what the system was trained on; set when it is set up or loaded.
        scores: of the last split that was scored, None before.
    """

    provenance: Provenance
    scores: Scores | None = None

    def __init__(self) -> None:
        super().__init__()
        self._seen: list[SplitOutputs] = []

    @abstractmethod
    def recognize(self, batch: EmotionBatch) -> EmotionOutput:
        """Return logits in the order of the provenance's classes, and attributes."""

    @abstractmethod
    def prediction_provenance(self, data: EmotionDataModule) -> dict[str, Any]:
        """Return what a prediction table records of the system, for the closed-condition guard.

        Args:
            data: what was predicted.
        """

    def objective(self, outputs: SplitOutputs) -> dict[str, Tensor]:
        """Return name → loss of a whole split, `loss` among them; empty where nothing is minimised."""
        return {}

    def on_train_start(self) -> None:
        """Let mixed precision unscale gradients before they are clipped.

        A fused optimiser offers to unscale them within its step, and Lightning then refuses to clip. Without the offer
        they are unscaled before (with float16; bfloat16 has no scale), so that the clipped norm is that of the
        gradients, and the step is still the fused one.
        """
        if self.trainer.gradient_clip_val:
            for optimizer in self.trainer.optimizers:
                optimizer._step_supports_amp_scaling = False

    def validation_step(self, batch: EmotionBatch, batch_index: int) -> None:
        """Keep the outputs of a batch of the validation split."""
        self._seen.append(SplitOutputs.of(self.recognize(batch), batch))

    def test_step(self, batch: EmotionBatch, batch_index: int) -> None:
        """Keep the outputs of a batch of the test split."""
        self._seen.append(SplitOutputs.of(self.recognize(batch), batch))

    def predict_step(self, batch: EmotionBatch, batch_index: int) -> SplitOutputs:
        """Return the outputs of a batch."""
        return SplitOutputs.of(self.recognize(batch), batch)

    def on_validation_epoch_end(self) -> None:
        """Log `val/…`."""
        self._log_scores("val")

    def on_test_epoch_end(self) -> None:
        """Log `test/…`."""
        self._log_scores("test")

    def _log_scores(self, prefix: str) -> None:
        outputs = collect(self._seen)
        self._seen = []
        self.scores = score(outputs, self.provenance.heads)
        values = {**self.objective(outputs), **self.scores.values}
        # every process has the same numbers, so nothing is left to synchronise
        self.log_dict({f"{prefix}/{name}": value for name, value in values.items()}, batch_size=1)
