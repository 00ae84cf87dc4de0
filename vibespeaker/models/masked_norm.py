"""Batch norm and ReLU over the real frames of a padded batch, without gathering them.

The plain way picks the real frames out of the batch, norms them and puts them back: on a processor the picking and the
putting back, and their gradients, take as long as the convolution before. Here padding stays where it is, as zeros that
count in no sum. Gradients are written out (Ioffe and Szegedy 2015).

With x̂ = (x − m) / s over n real frames and y = relu(γ·x̂ + β), and g the gradient where y > 0:
∂/∂γ = Σ g·x̂, ∂/∂β = Σ g, ∂/∂x = γ/s · (g − Σ g / n − x̂ · Σ g·x̂ / n).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

_OVER = (0, 2)  # utterances and frames


def norm_relu(values: Tensor, mask: Tensor, norm: nn.BatchNorm1d) -> Tensor:
    """Return `relu(norm(values))` with zeros for padding; statistics in training are those of real frames alone.

    Args:
        values: `(batch, channels, frames)`.
        mask: `(batch, 1, frames)`, True on real frames.
        norm: with learned scale and running statistics.
    """
    if not norm.training or bool(mask.all()):
        return F.relu(norm(values)).masked_fill(~mask, 0.0)
    count = int(mask.sum())
    # another kind of norm, such as one that is synchronised over processes, does its own work
    if values.device.type != "cpu" or type(norm) is not nn.BatchNorm1d or norm.momentum is None or count < 2:
        return gathered_norm_relu(values, mask, norm)
    normed, mean, variance = _NormRelu.apply(values, mask, norm.weight, norm.bias, norm.eps, count)
    with torch.no_grad():
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked.add_(1)
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance * count / (count - 1), norm.momentum)
    result: Tensor = normed
    return result


def gathered_norm_relu(values: Tensor, mask: Tensor, norm: nn.BatchNorm1d) -> Tensor:
    """`norm_relu` in the plain way: the real frames are picked out and put back."""
    frames = values.transpose(1, 2)
    normed = norm(frames[mask[:, 0]])  # (real frames, channels)
    return F.relu(torch.zeros_like(frames).masked_scatter(mask.transpose(1, 2), normed)).transpose(1, 2)


class _NormRelu(Function):
    @staticmethod
    def forward(
        ctx: Any, values: Tensor, mask: Tensor, weight: Tensor, bias: Tensor, eps: float, count: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        real = mask.to(values.dtype)
        normed = values.masked_fill(~mask, 0.0)
        mean = normed.sum(_OVER) / count
        normed.sub_(mean[:, None]).mul_(real)
        variance = normed.square().sum(_OVER) / count
        inverse = (variance + eps).rsqrt()
        normed.mul_(inverse[:, None])
        result = torch.addcmul(bias[:, None], normed, weight[:, None]).relu_().mul_(real)
        ctx.save_for_backward(normed, result, weight * inverse, real)
        ctx.count = count
        ctx.mark_non_differentiable(mean, variance)
        return result, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor, None, Tensor, Tensor, None, None]:
        normed, result, scale, real = ctx.saved_tensors
        grad = grad * (result > 0)  # which padding is not
        grad_weight, grad_bias = (grad * normed).sum(_OVER), grad.sum(_OVER)
        slope = torch.addcmul(grad, normed, (grad_weight / -ctx.count)[:, None]).sub_((grad_bias / ctx.count)[:, None])
        return slope.mul_(scale[:, None]).mul_(real), None, grad_weight, grad_bias, None, None
