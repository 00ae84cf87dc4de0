"""What is found out over whole splits before the first step: weights in closed form, and what a network confuses."""

import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import torch
from lightning.pytorch.strategies import Strategy

from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.data.splits import refuse_scored
from vibespeaker.errors import ConfigError
from vibespeaker.losses import MultiTaskLoss
from vibespeaker.models.base import EmotionModel, Passes
from vibespeaker.progress import hidden_progress, tracked
from vibespeaker.tasks.datamodule import EmotionDataModule
from vibespeaker.tasks.gathering import GatheredOutputs
from vibespeaker.tasks.scores import confusion_of

log = logging.getLogger(__name__)


def solve(network: EmotionModel, passes: Passes, strategy: Strategy) -> None:
    """Solve on the first process and give the others its weights, so that all have the same to the last bit.

    Args:
        network: in evaluation mode.
        passes: over the whole training split, not one process's share of it.
        strategy: of the trainer.
    """
    state = None
    if strategy.is_global_zero:
        log.info("finding the weights of %s in closed form", ", ".join(network.solved))
        network.solve(passes)
        state = {name: tensor.cpu() for name, tensor in network.state_dict().items()}
    network.load_state_dict(strategy.broadcast(state))


def read_whole_split(data: EmotionDataModule, shown: bool) -> Iterator[EmotionBatch]:
    """Yield all training utterances in each view, in the same order every time.

    Args:
        data: set up for training.
        shown: whether progress is.
    """
    reader, batches = data.whole_split()
    total = sum(map(len, batches))
    with (
        nullcontext() if shown else hidden_progress(),
        tracked("reading the training split", total, "clips") as progress,
    ):
        for keys in batches:
            batch = reader.__getitems__(keys)
            assert isinstance(batch, EmotionBatch)
            yield batch
            progress.advance(len(keys))


@torch.no_grad()
def set_confusions(
    loss: MultiTaskLoss,
    recognize: Callable[[EmotionBatch], EmotionOutput],
    data: EmotionDataModule,
    device: torch.device,
) -> None:
    """Tell a loss what the network to be fine-tuned confuses on the validation split.

    Args:
        loss: with a term that asks for it.
        recognize: the network, in evaluation mode.
        data: with a validation split.
        device: of the network.

    Raises:
        ConfigError: there is no validation split, or it lacks the labels.
    """
    loader = data.val_dataloader()
    if isinstance(loader, list):
        raise ConfigError("class weights by misclassification need a validation split")
    refuse_scored(data.manifest, "validation", data.splits)
    seen = GatheredOutputs().to(device)
    for batch in loader:
        moved = batch.to(device)
        seen.update(recognize(moved), moved)
    outputs = seen.outputs()
    for head in loss.needs_confusion:
        confusion = confusion_of(outputs, head)
        if confusion is None:
            raise ConfigError(f"class weights by misclassification need {head} in the validation split")
        loss.set_confusion(torch.from_numpy(confusion), head)
