"""Says once where training on several processes is not exactly that on one."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from vibespeaker.errors import ConfigError

log = logging.getLogger(__name__)


class ProcessRemark(Callback):
    """Logs one line at the start of a run on several processes whose network has batch norm or dropout."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the network, which is built by now."""
        found = inexact_layers(pl_module)
        if trainer.world_size > 1 and trainer.is_global_zero and found:
            log.warning(
                "%d processes: the network has %s, so gradients are not exactly those of one process",
                trainer.world_size,
                " and ".join(found),
            )


@contextmanager
def batch_norm_errors(utterances: int) -> Iterator[None]:
    """Turn what batch norm says of a training batch with one value into one sentence.

    Args:
        utterances: of the batch.

    Raises:
        ConfigError: PyTorch refuses a batch of one utterance.
    """
    try:
        yield
    except ValueError as error:
        if utterances != 1:
            raise
        raise ConfigError(
            "a training batch of this process holds one utterance, and batch norm needs two",
            found=error,
            remedy="train on more utterances, raise data.init_args.batch_size or frame_budget, or use a pooling "
            "without batch norm (batch_norm: false)",
        ) from error


def inexact_layers(module: nn.Module) -> list[str]:
    """Return what makes the gradients of a split batch differ: batch norm, by its statistics; dropout, by its draws."""
    layers = list(module.modules())
    drawing = any(_drops(layer) for layer in layers)
    named = {"batch norm": any(isinstance(layer, _BatchNorm) for layer in layers), "dropout": drawing}
    return [name for name, present in named.items() if present]


def _drops(layer: nn.Module) -> bool:
    if isinstance(layer, _DropoutNd):
        return layer.p > 0
    if isinstance(layer, nn.RNNBase):
        return layer.dropout > 0
    return float(getattr(layer, "encoder_dropout", 0.0)) > 0
