"""Sums over real frames, without work or memory for padding: the inner loops of pooling.

On the CPU each function walks over the utterances: an utterance's frames (about 1.5 MB) stay in the processor's cache
through all steps, padding is never touched, and nothing as large as the batch is allocated. Gradients are written out:
instead of keeping attention weights for the backward pass they compute them again. On other devices, where a step an
utterance would cost more than the padding, the same sums run over the padded batch (`*_padded`), which `torch.compile`
fuses; these plain versions are also what the tests hold the others to.

Shapes: values `(batch, frames, dim)` of any floating type; hidden `(batch, frames, attention_dim)`, float32 or float64;
lengths `(batch,)`, int64. Variances are population variances.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from vibespeaker.models.products import product, transposed_product


def project(values: Tensor, weight: Tensor, lengths: Tensor) -> Tensor:
    """Return `values @ weight.T`, `(batch, frames, attention_dim)`, in the type of `weight`; padding is 0."""
    if values.device.type == "cpu":
        return _project_packed(values, weight, lengths)
    return project_padded(values, weight, lengths)


def moments(values: Tensor, lengths: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return means and variances over real frames, each `(batch, dim)`, computed in `dtype`."""
    if values.device.type == "cpu":
        return _moments_packed(values, lengths, dtype)
    return moments_padded(values, lengths, dtype)


def attend(values: Tensor, hidden: Tensor, weight: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Return attention-weighted means and variances over real frames, each `(batch, dim)`, in the type of `hidden`.

    Args:
        values: `(batch, frames, dim)`.
        hidden: `(batch, frames, attention_dim)`.
        weight: `(dim, attention_dim)` scores every channel of a frame by itself, `(1, attention_dim)` the whole frame.
        lengths: `(batch,)`.
    """
    if values.device.type == "cpu":
        return _attend_packed(values, hidden, weight, lengths)
    return attend_padded(values, hidden, weight, lengths)


def project_padded(values: Tensor, weight: Tensor, lengths: Tensor) -> Tensor:
    """`project` over the padded batch."""
    return F.linear(_zero_padding(values, lengths, weight.dtype), weight)


def moments_padded(values: Tensor, lengths: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """`moments` over the padded batch."""
    values = _zero_padding(values, lengths, dtype)
    weights = _mask(values, lengths) / lengths[:, None, None].to(dtype)
    return _weighted_moments(values, weights)


def attend_padded(values: Tensor, hidden: Tensor, weight: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """`attend` over the padded batch."""
    values = _zero_padding(values, lengths, hidden.dtype)
    scores = F.linear(hidden, weight).masked_fill(~_mask(values, lengths), float("-inf"))
    return _weighted_moments(values, scores.softmax(1))


def _mask(values: Tensor, lengths: Tensor) -> Tensor:
    positions = torch.arange(values.shape[1], device=values.device)
    return (positions < lengths[:, None])[:, :, None]  # (batch, frames, 1)


def _zero_padding(values: Tensor, lengths: Tensor, dtype: torch.dtype) -> Tensor:
    return values.to(dtype).masked_fill(~_mask(values, lengths), 0.0)


def _weighted_moments(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    mean = (weights * values).sum(1)
    return mean, (weights * (values - mean[:, None]).square()).sum(1)


class _Project(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, lengths: Tensor) -> Tensor:
        ctx.save_for_backward(values, weight)
        ctx.lengths = lengths.tolist()
        hidden = weight.new_zeros(*values.shape[:2], weight.shape[0])
        for i, n in enumerate(ctx.lengths):
            hidden[i, :n] = product(values[i, :n].to(weight.dtype), weight.t())
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, None]:
        values, weight = ctx.saved_tensors
        grad_weight = torch.zeros_like(weight)
        grad_values = torch.zeros_like(values) if ctx.needs_input_grad[0] else None
        for i, n in enumerate(ctx.lengths):
            grad_weight += transposed_product(grad[i, :n], values[i, :n].to(weight.dtype))
            if grad_values is not None:
                grad_values[i, :n] = product(grad[i, :n], weight)
        return grad_values, grad_weight, None


class _Moments(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, lengths: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        ctx.lengths = lengths.tolist()
        mean, variance = torch.empty(2, len(values), values.shape[2], dtype=dtype).unbind()
        for i, n in enumerate(ctx.lengths):
            frames = values[i, :n].to(dtype)
            torch.mean(frames, 0, out=mean[i])
            torch.mean((frames - mean[i]).square_(), 0, out=variance[i])
        ctx.save_for_backward(values, mean)
        return mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_mean: Tensor, grad_variance: Tensor) -> tuple[Tensor | None, None, None]:
        if not ctx.needs_input_grad[0]:
            return None, None, None
        values, mean = ctx.saved_tensors
        grad_values = torch.zeros_like(values)
        for i, n in enumerate(ctx.lengths):
            centred = values[i, :n].to(mean.dtype) - mean[i]
            grad_values[i, :n] = centred.mul_(2 * grad_variance[i]).add_(grad_mean[i]).div_(n)
        return grad_values, None, None


class _Attend(Function):
    """With weights w = softmax(s) over frames: mean m = Σ w·x, variance v = Σ w·z² where z = x − m.

    As Σ w·z = 0, the gradients are simple: ∂/∂s = w·(gₘ·z + gᵥ·(z² − v)) and ∂/∂x = w·(gₘ + 2·gᵥ·z).
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, hidden: Tensor, weight: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        ctx.lengths = lengths.tolist()
        mean, variance = hidden.new_empty(2, len(values), values.shape[2]).unbind()
        log_total = hidden.new_empty(len(values), len(weight))
        for i, n in enumerate(ctx.lengths):
            frames = values[i, :n].to(hidden.dtype)
            scores = product(hidden[i, :n], weight.t())  # (n, dim), or (n, 1) for one weight a frame
            peak = scores.amax(0)
            weights = scores.sub_(peak).exp_()
            total = weights.sum(0)
            log_total[i] = peak + total.log()
            torch.div((weights * frames).sum(0), total, out=mean[i])
            torch.div((frames - mean[i]).square_().mul_(weights).sum(0), total, out=variance[i])
        ctx.save_for_backward(values, hidden, weight, mean, variance, log_total)
        return mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_mean: Tensor, grad_variance: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        values, hidden, weight, mean, variance, log_total = ctx.saved_tensors
        grad_values = torch.zeros_like(values) if ctx.needs_input_grad[0] else None
        grad_hidden, grad_weight = torch.zeros_like(hidden), torch.zeros_like(weight)
        offset = grad_variance * variance
        for i, n in enumerate(ctx.lengths):
            weights = product(hidden[i, :n], weight.t()).sub_(log_total[i]).exp_()
            centred = values[i, :n].to(hidden.dtype) - mean[i]
            slope = centred * grad_variance[i]
            if grad_values is not None:
                grad_values[i, :n] = (2 * slope + grad_mean[i]) * weights
            slope.add_(grad_mean[i]).mul_(centred).sub_(offset[i])
            grad_scores = slope.mul_(weights) if len(weight) > 1 else slope.sum(1, keepdim=True).mul_(weights)
            grad_hidden[i, :n] = product(grad_scores, weight)
            grad_weight += transposed_product(grad_scores, hidden[i, :n])
        return grad_values, grad_hidden, grad_weight, None


# The loops depend on the lengths' values: the compiler would unroll and recompile them for every batch.
_project_packed = torch.compiler.disable(_Project.apply)  # type: ignore[no-untyped-call]
_moments_packed = torch.compiler.disable(_Moments.apply)  # type: ignore[no-untyped-call]
_attend_packed = torch.compiler.disable(_Attend.apply)  # type: ignore[no-untyped-call]
