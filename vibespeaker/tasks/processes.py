"""Communication between processes: one batch's outputs on every process, and values that are no tensors."""

import os
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.tasks.layout import Layout

T = TypeVar("T")


def world_size() -> int:
    """Return the number of processes, 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def run_seed() -> int:
    """Return what Lightning's `seed_everything` was called with, the same in every process of a run."""
    return int(os.environ.get("PL_GLOBAL_SEED", 0))


def gathered(value: T) -> list[T]:
    """Return every process's picklable `value`, by rank, on every process."""
    if world_size() == 1:
        return [value]
    values: list[T | None] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values  # type: ignore[return-value]


def whole_batch(output: EmotionOutput, batch: EmotionBatch) -> tuple[EmotionOutput, EmotionBatch]:
    """Return outputs and targets of all processes' shares of a training batch, in its own order, without inputs.

    Processes take the rows of a batch in turn (`data.sampler.TrainingBatches`), and so they are put together again.

    The own share keeps its gradient, the others carry none. A loss of the whole batch, times the number of processes,
    therefore has gradients whose mean over the processes, which DDP takes, is the gradient of the undivided batch:
    for means with masks and class weights and for 1 − CCC alike, whatever the sizes of the shares.

    Args:
        output: of this process's share.
        batch: this process's share.
    """
    if world_size() == 1:
        return output, batch.truth()
    layout = Layout.of(output, batch)
    own = layout.pack(output, batch)
    shares = _gather_rows(own)
    shares[dist.get_rank()] = own
    places = [torch.arange(len(share)) * len(shares) + rank for rank, share in enumerate(shares)]
    return layout.unpack(torch.cat(shares)[torch.cat(places).argsort().to(own.device)])


def _gather_rows(table: Tensor) -> list[Tensor]:
    size = torch.tensor([len(table)], device=table.device)
    sizes = [torch.zeros_like(size) for _ in range(world_size())]
    dist.all_gather(sizes, size)
    lengths = [int(length) for length in sizes]
    padded = table.new_zeros(max(lengths), table.shape[1])
    padded[: len(table)] = table.detach()
    tables = [torch.empty_like(padded) for _ in lengths]
    dist.all_gather(tables, padded)
    return [share[:length] for share, length in zip(tables, lengths, strict=True)]
