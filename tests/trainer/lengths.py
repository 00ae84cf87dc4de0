"""A task of another kind than emotion, with data of its own: it learns how long texts are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor, nn
from torch.utils.data import DataLoader

from vibespeaker.tasks.callbacks.best_checkpoint import CheckpointRule
from vibespeaker.tasks.task import Task

Batch = tuple[Tensor, Tensor]


class Texts(LightningDataModule):
    """Batches of one-hot letters and the lengths they stand for.

    Args:
        batches: how many.
    """

    def __init__(self, batches: int = 3) -> None:
        super().__init__()
        self.batches = batches

    def _loader(self) -> DataLoader[Batch]:
        return DataLoader([(torch.eye(4), torch.arange(4.0))] * self.batches, batch_size=None)

    train_dataloader = val_dataloader = predict_dataloader = _loader


class LengthTask(Task):
    """Least squares; `best.ckpt` needs a lower loss and a lower error.

    Args:
        rate: learning rate.
        unused: what takes two forms, one module or modules by name.
    """

    def __init__(
        self,
        rate: float = 0.1,
        unused: Callable[[int], nn.Module] | dict[str, Callable[[int], nn.Module]] | None = None,
    ) -> None:
        super().__init__(CheckpointRule({"val/loss": "min", "val/wer": "min"}))
        self.save_hyperparameters()
        self.linear, self.rate = nn.Linear(4, 1), rate
        self.predicted: list[Tensor] = []

    def record(self) -> dict[str, Any]:
        return {"texts": "lengths"}

    def _loss(self, batch: Batch) -> Tensor:
        return (self.linear(batch[0])[:, 0] - batch[1]).square().mean()

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        return self._loss(batch)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        loss = self._loss(batch)
        self.log_dict({"val/loss": loss, "val/wer": loss.sqrt()}, batch_size=4)

    def predict_step(self, batch: Batch, batch_index: int) -> Tensor:
        self.predicted.append(self.linear(batch[0]))
        return self.predicted[-1]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.has_weights = True

    def on_train_start(self) -> None:
        super().on_train_start()
        self.has_weights = True

    def write_predictions(self, path: Path, system: str, command: str) -> None:
        path.write_text(f"{system}: {sum(len(one) for one in self.predicted)}")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.rate)
