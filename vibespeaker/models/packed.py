"""Sums over real frames, without work or memory for padding: the inner loops of pooling.

On the CPU each function walks over the utterances, in parallel (`cpu_threads`): an utterance's frames (about 1.5 MB)
stay in the processor's cache through all steps, padding is never touched, and what is as large as a frame exists once
per thread. Only attention weights are kept for the backward pass: computing them again made a step a fifth longer
(146 against 121 ms, 32 × 300 × 1280 on one thread). Gradients are written out. Where one step per utterance would
cost more than the padding, on other devices and for utterances of few values, the same sums run over the padded batch
(`*_padded`), which `torch.compile` fuses; the tests compare the others with these plain versions.

Shapes: values `(batch, frames, dim)` of any floating type; hidden `(rows, attention_dim)`, float32 or float64, one row
per real frame, utterance after utterance; lengths `(batch,)`, int64. Variances are population variances.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from vibespeaker.models.cpu_threads import compute
from vibespeaker.models.products import product, transposed_product

#: Utterances of fewer values, frames · dim, are not walked over one by one: the dozens of calls for each would cost
#: more than the sums. Forward and backward, 32 × 65 × 256 take 0.4 of the time as a padded batch, 32 × 10 × 256 take
#: 0.13, and 32 × 300 × 256 the same.
FEWEST_VALUES = 1 << 16


def project(values: Tensor, weight: Tensor, offset: Tensor, lengths: Tensor) -> Tensor:
    """Return `values @ weight.T + offset` of every frame, as hidden, in the type of `weight`.

    Args:
        values: `(batch, frames, dim)`.
        weight: `(attention_dim, dim)`.
        offset: `(batch, attention_dim)`, the utterance's own.
        lengths: `(batch,)`.
    """
    if _is_packed(values):
        return _eagerly(_Project)(values, weight, offset, lengths)
    return project_padded(values, weight, offset, lengths)


def moments(values: Tensor, lengths: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return means and variances over real frames, each `(batch, dim)`, computed in `dtype`."""
    if _is_packed(values):
        return _eagerly(_Moments)(values, lengths, dtype)
    return moments_padded(values, lengths, dtype)


def attend(values: Tensor, hidden: Tensor, weight: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Return attention-weighted means and variances over real frames, each `(batch, dim)`, in the type of `hidden`.

    Args:
        values: `(batch, frames, dim)`.
        hidden: as `project` returns it.
        weight: `(dim, attention_dim)` scores every channel of a frame by itself, `(1, attention_dim)` the whole frame.
        lengths: `(batch,)`.
    """
    if _is_packed(values):
        return _eagerly(_Attend)(values, hidden, weight, lengths, torch.is_grad_enabled())
    return attend_padded(values, hidden, weight, lengths)


def project_padded(values: Tensor, weight: Tensor, offset: Tensor, lengths: Tensor) -> Tensor:
    """`project` over the padded batch."""
    return F.linear(_zero_padding(values, lengths, weight.dtype), weight) + offset[:, None]


def moments_padded(values: Tensor, lengths: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """`moments` over the padded batch."""
    values = _zero_padding(values, lengths, dtype)
    weights = _mask(values, lengths)[:, :, None] / lengths[:, None, None].to(dtype)
    return _weighted_moments(values, weights)


def attend_padded(values: Tensor, hidden: Tensor, weight: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """`attend` over the padded batch."""
    values = _zero_padding(values, lengths, hidden.dtype)
    scores = F.linear(hidden, weight).masked_fill(~_mask(values, lengths)[:, :, None], float("-inf"))
    return _weighted_moments(values, scores.softmax(1))


def _is_packed(values: Tensor) -> bool:
    if values.device.type != "cpu" or torch.compiler.is_exporting():
        return False
    return values.shape[1] * values.shape[2] >= FEWEST_VALUES


def _mask(values: Tensor, lengths: Tensor) -> Tensor:
    positions = torch.arange(values.shape[1], device=values.device)
    return positions < lengths[:, None]  # (batch, frames)


def _zero_padding(values: Tensor, lengths: Tensor, dtype: torch.dtype) -> Tensor:
    return values.to(dtype).masked_fill(~_mask(values, lengths)[:, :, None], 0.0)


def _weighted_moments(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    mean = (weights * values).sum(1)
    return mean, (weights * (values - mean[:, None]).square()).sum(1)


class _Project(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, offset: Tensor, lengths: Tensor) -> Tensor:
        ctx.save_for_backward(values, weight)
        ctx.lengths = lengths.tolist()
        hidden = weight.new_empty(sum(ctx.lengths), len(weight))
        rows = torch.split(hidden, ctx.lengths)

        def work(piece: list[int]) -> None:
            for i, frames in _utterances(values, ctx.lengths, piece, weight.dtype):
                torch.add(product(frames, weight.t()), offset[i], out=rows[i])

        compute(work, ctx.lengths)
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        values, weight = ctx.saved_tensors
        grad_values = torch.zeros_like(values) if ctx.needs_input_grad[0] else None
        grad_offset = grad.new_empty(len(values), len(weight))
        rows = torch.split(grad, ctx.lengths)

        def work(piece: list[int]) -> Tensor:
            grad_weight = torch.zeros_like(weight)
            for i, frames in _utterances(values, ctx.lengths, piece, weight.dtype):
                grad_weight += transposed_product(rows[i], frames)
                grad_offset[i] = rows[i].sum(0)
                if grad_values is not None:
                    grad_values[i, : len(frames)] = product(rows[i], weight)
            return grad_weight

        grad_weight = sum(compute(work, ctx.lengths), torch.zeros_like(weight))
        return grad_values, grad_weight, grad_offset, None


class _Moments(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, lengths: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        ctx.lengths = lengths.tolist()
        mean, variance = torch.empty(2, len(values), values.shape[2], dtype=dtype).unbind()

        def work(piece: list[int]) -> None:
            for i, frames in _utterances(values, ctx.lengths, piece, dtype):
                torch.mean(frames, 0, out=mean[i])
                torch.mean((frames - mean[i]).square_(), 0, out=variance[i])

        compute(work, ctx.lengths)
        ctx.save_for_backward(values, mean)
        return mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_mean: Tensor, grad_variance: Tensor) -> tuple[Tensor | None, None, None]:
        if not ctx.needs_input_grad[0]:
            return None, None, None
        values, mean = ctx.saved_tensors
        grad_values = torch.zeros_like(values)

        def work(piece: list[int]) -> None:
            for i, frames in _utterances(values, ctx.lengths, piece, mean.dtype):
                slope = (frames - mean[i]).mul_(2 * grad_variance[i]).add_(grad_mean[i])
                grad_values[i, : len(frames)] = slope.div_(len(frames))

        compute(work, ctx.lengths)
        return grad_values, None, None


class _Attend(Function):
    """With weights w = softmax(s) over frames: mean m = Σ w·x, variance v = Σ w·z² where z = x − m.

    As Σ w·z = 0, the gradients are simple: ∂/∂s = w·(gₘ·z + gᵥ·(z² − v)) and ∂/∂x = w·(gₘ + 2·gᵥ·z). What is kept
    are the weights before their division by their sum, which is done on the few numbers per channel.
    """

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, hidden: Tensor, weight: Tensor, lengths: Tensor, keep: bool
    ) -> tuple[Tensor, Tensor]:
        ctx.lengths = lengths.tolist()
        mean, variance = hidden.new_empty(2, len(values), values.shape[2]).unbind()
        total = hidden.new_empty(len(values), len(weight))
        rows = torch.split(hidden, ctx.lengths)
        # allocated here: memory that threads allocate goes back to the system, and costs a page fault at each return
        ctx.kept = [hidden.new_empty(n, len(weight)) for n in ctx.lengths] if keep else None

        def work(piece: list[int]) -> None:
            for i, frames in _utterances(values, ctx.lengths, piece, hidden.dtype):
                scores = product(rows[i], weight.t())  # (n, dim), or (n, 1) for one weight per frame
                scores.sub_(scores.amax(0))
                weights = torch.exp(scores, out=ctx.kept[i] if keep else scores)
                torch.sum(weights, 0, out=total[i])
                torch.div((weights * frames).sum(0), total[i], out=mean[i])
                torch.div((frames - mean[i]).square_().mul_(weights).sum(0), total[i], out=variance[i])

        compute(work, ctx.lengths)
        ctx.save_for_backward(values, hidden, weight, mean, variance, total)
        return mean, variance

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_mean: Tensor, grad_variance: Tensor
    ) -> tuple[Tensor | None, Tensor, Tensor, None, None]:
        values, hidden, weight, mean, variance, total = ctx.saved_tensors
        grad_values = torch.zeros_like(values) if ctx.needs_input_grad[0] else None
        grad_hidden = torch.empty_like(hidden)
        rows, grad_rows = torch.split(hidden, ctx.lengths), torch.split(grad_hidden, ctx.lengths)
        linear, square = grad_mean / total, grad_variance / total
        constant = -square * variance

        def work(piece: list[int]) -> Tensor:
            grad_weight = torch.zeros_like(weight.t())
            for i, frames in _utterances(values, ctx.lengths, piece, hidden.dtype):
                weights, centred = ctx.kept[i], frames - mean[i]
                slope = torch.addcmul(linear[i], centred, square[i])
                if grad_values is not None:
                    grad_values[i, : len(frames)] = torch.addcmul(slope, centred, square[i]).mul_(weights)
                slope = torch.addcmul(constant[i], slope, centred, out=slope)
                grad_scores = slope.mul_(weights) if len(weight) > 1 else slope.sum(1, keepdim=True).mul_(weights)
                grad_rows[i].copy_(product(grad_scores, weight))
                grad_weight += transposed_product(rows[i], grad_scores)
            return grad_weight

        grad_weight = sum(compute(work, ctx.lengths), torch.zeros_like(weight.t()))
        # in the parameter's own layout, also where it is a single row: DDP copies any other into its buckets
        return grad_values, grad_hidden, grad_weight.t().reshape(-1).view(weight.shape), None, None


def _utterances(
    values: Tensor, lengths: list[int], piece: list[int], dtype: torch.dtype
) -> Iterator[tuple[int, Tensor]]:
    """Yield positions of a piece with their real frames in `dtype`."""
    for i in piece:
        yield i, values[i, : lengths[i]].to(dtype)


def _eagerly(kind: type[Function]) -> Callable[..., Any]:
    """Return a function's `apply`; within a graph of the compiler's, one that it leaves alone.

    The loops depend on the lengths' values: the compiler would unroll and recompile them for every batch. Telling it so
    imports it, which takes as long as importing torch; so nobody is told who does not compile.
    """
    if not torch.compiler.is_compiling():
        return kind.apply
    from vibespeaker.models.uncompiled import APPLIED

    return APPLIED[kind.__name__]
