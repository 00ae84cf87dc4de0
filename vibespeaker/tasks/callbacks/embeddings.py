"""On request: the embeddings that the heads read, in TensorBoard's projector."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn

from vibespeaker.batch import EmotionBatch
from vibespeaker.errors import ConfigError
from vibespeaker.labels import NO_CATEGORY
from vibespeaker.models.heads import EmotionHead
from vibespeaker.tasks.base import RecognitionTask


class EmbeddingProjector(Callback):
    """Writes the embedding of every utterance of the last epoch's validation, with its category, as `embeddings`.

    An embedding is what the heads read. On several processes those of the first are shown.
    """

    def __init__(self) -> None:
        self._embeddings: list[Tensor] = []
        self._categories: list[Tensor] = []
        self._handle: torch.utils.hooks.RemovableHandle | None = None

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen, in the last epoch.

        Raises:
            ConfigError: the task's network has no head of its own.
        """
        if not self._is_last(trainer):
            return
        head = next((module for module in pl_module.modules() if isinstance(module, EmotionHead)), None)
        if head is None:
            raise ConfigError("EmbeddingProjector needs a network with one head", found=type(pl_module).__name__)
        self._embeddings, self._categories = [], []

        def keep(module: nn.Module, arguments: tuple[Any, ...]) -> None:
            self._embeddings.append(arguments[0].detach().float().cpu())

        self._handle = head.register_forward_pre_hook(keep)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: EmotionBatch, *_: Any
    ) -> None:
        """Keep the categories of a batch."""
        if self._handle is not None:
            self._categories.append(batch.category.cpu())

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write."""
        if self._handle is None:
            return
        self._handle.remove()
        self._handle = None
        assert isinstance(pl_module, RecognitionTask)
        classes = pl_module.provenance.classes
        categories = torch.cat(self._categories).tolist()
        names = ["unknown" if category == NO_CATEGORY else classes[category] for category in categories]
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger) and trainer.is_global_zero:
                points = torch.cat(self._embeddings)
                logger.experiment.add_embedding(points, names, tag="embeddings", global_step=trainer.global_step)

    def _is_last(self, trainer: Trainer) -> bool:
        return not trainer.sanity_checking and trainer.current_epoch + 1 == trainer.max_epochs
