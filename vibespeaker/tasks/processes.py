"""Communication between processes: gather the utterances scored by all, and one batch's outputs on every process."""

from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from vibespeaker.batch import EmotionBatch, EmotionOutput

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
    if world_size() == 1:
        return output, batch.truth()
    own = _packed(output, batch)
    shares = _gather_rows(own)
    shares[dist.get_rank()] = own
    return _unpacked(torch.cat(shares), output, batch)


def _packed(output: EmotionOutput, batch: EmotionBatch) -> Tensor:
    """Return all targets and outputs as one table `(batch, columns)`."""
    tensors = (*_targets(batch), *output.tensors())
    # float64 holds row numbers and float32 values exactly
    return torch.cat([tensor.double().reshape(len(tensor), _width(tensor)) for tensor in tensors], dim=1)


def _unpacked(table: Tensor, output: EmotionOutput, batch: EmotionBatch) -> tuple[EmotionOutput, EmotionBatch]:
    """Return the outputs and targets in a table of rows like those that `output` and `batch` were packed into."""
    packed = (*_targets(batch), *output.tensors())
    columns = torch.split(table, [_width(tensor) for tensor in packed], dim=1)
    # outputs in half precision are compared in float32
    found = [
        (column[:, 0] if like.ndim == 1 else column).to(torch.float32 if like.is_floating_point() else like.dtype)
        for column, like in zip(columns, packed, strict=True)
    ]
    rows, category, votes, attributes, *others = found
    targets, heads = others[: len(batch.targets)], iter(others[len(batch.targets) :])
    truth = EmotionBatch(rows, category, votes, attributes, targets=dict(zip(batch.targets, targets, strict=True)))
    return output.map(lambda _: next(heads)), truth


def _targets(batch: EmotionBatch) -> tuple[Tensor, ...]:
    return batch.rows, batch.category, batch.votes, batch.attributes, *batch.targets.values()


def _width(tensor: Tensor) -> int:
    return 1 if tensor.ndim == 1 else tensor.shape[1]


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
