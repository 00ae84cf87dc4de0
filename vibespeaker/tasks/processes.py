"""Communication between processes: gather the utterances scored by all, and one batch's outputs on every process."""

from dataclasses import replace
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.labels import ATTRIBUTES

T = TypeVar("T")


def world_size() -> int:
    """Return the number of processes, 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gathered(value: T) -> list[T]:
    """Return every process's picklable `value`, by rank, on every process."""
    if world_size() == 1:
        return [value]
    values: list[T | None] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values  # type: ignore[return-value]


def whole_batch(output: EmotionOutput, batch: EmotionBatch) -> tuple[EmotionOutput, EmotionBatch]:
    """Return outputs and targets of all processes' shares of a training batch, joined by rank, without inputs.

    The own share keeps its gradient, the others carry none. A loss of the whole batch, times the number of processes,
    therefore has gradients whose mean over the processes, which DDP takes, is the gradient of the undivided batch:
    for means with masks and class weights and for 1 − CCC alike, whatever the sizes of the shares.

    Args:
        output: of this process's share.
        batch: this process's share.
    """
    targets = replace(batch, frames={}, audio=(), texts=())
    if world_size() == 1:
        return output, targets
    shares = _gather_rows(_packed(output, batch))
    shares[dist.get_rank()] = _packed(output, batch)
    return _unpacked(torch.cat(shares), output, batch.votes.shape[1])


def _packed(output: EmotionOutput, batch: EmotionBatch) -> Tensor:
    columns = [batch.rows[:, None], batch.category[:, None], batch.votes, batch.attributes]
    columns += [head for head in (output.logits, output.attributes) if head is not None]
    # float64 holds row numbers and float32 values exactly
    return torch.cat([column.double() for column in columns], dim=1)


def _unpacked(table: Tensor, output: EmotionOutput, classes: int) -> tuple[EmotionOutput, EmotionBatch]:
    widths = [1, 1, classes, len(ATTRIBUTES)]
    widths += [head.shape[1] for head in (output.logits, output.attributes) if head is not None]
    rows, category, votes, attributes, *heads = torch.split(table, widths, dim=1)
    logits = heads.pop(0).float() if output.logits is not None else None
    predicted = heads.pop(0).float() if output.attributes is not None else None
    batch = EmotionBatch(rows[:, 0].long(), category[:, 0].long(), votes.float(), attributes.float())
    return EmotionOutput(logits, predicted), batch


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
