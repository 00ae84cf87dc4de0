"""WavLM's attention through PyTorch's fused kernel.

transformers computes it by a path that returns all attention weights, which are not used: they cost a second pass over
`(batch, heads, frames, frames)` numbers. The gated relative position bias of WavLM (Chen et al. 2022) is added to the
scores as a mask, which the fused kernel takes; the result is the same up to rounding.
"""

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def fuse_attention(network: nn.Module) -> None:
    """Let every attention layer of a `WavLMModel` use `scaled_dot_product_attention` from now on."""
    from transformers.models.wavlm.modeling_wavlm import WavLMAttention

    for module in network.modules():
        if isinstance(module, WavLMAttention):
            module.torch_multi_head_self_attention = MethodType(_attend, module)


def _attend(layer: Any, hidden: Tensor, mask: Tensor | None, bias: Tensor) -> tuple[Tensor, None]:
    """Attend with a bias on the scores.

    Args:
        layer: the attention layer.
        hidden: `(batch, frames, dim)`.
        mask: `(batch, frames)`, 1 on real frames, or None when all are.
        bias: `(batch · heads, frames, frames)`, added to the scores.
    """
    batch, frames, dim = hidden.shape

    def heads(projection: nn.Module) -> Tensor:
        return projection(hidden).view(batch, frames, layer.num_heads, -1).transpose(1, 2)

    scores_mask = bias.view(batch, layer.num_heads, frames, frames)
    if mask is not None:
        scores_mask = scores_mask.masked_fill(mask.ne(1)[:, None, None], torch.finfo(bias.dtype).min)
    attended = F.scaled_dot_product_attention(
        heads(layer.q_proj),
        heads(layer.k_proj),
        heads(layer.v_proj),
        attn_mask=scores_mask,
        dropout_p=layer.dropout if layer.training else 0.0,
    )  # (batch, heads, frames, dim / heads)
    return layer.out_proj(attended.transpose(1, 2).reshape(batch, frames, dim)), None
