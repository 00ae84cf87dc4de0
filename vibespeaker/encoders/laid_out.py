"""Clips of unequal length one behind the other, without padding, in transformers of the WavLM family on a processor.

Almost all that a transformer computes, it computes frame by frame: projections, feed-forward networks, norms. There a
batch of clips may as well be one long row `(1, frames of all, dim)`, whose matrices are large enough to keep several
cores busy, and which has no frame of padding to pay for. What looks beyond a frame is told where clips end: the
convolutions run clip by clip (`group_norm`), the convolution of positions sees silence between clips, and each clip
attends to itself. Frames differ from those of one clip after the other by rounding alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass
class Layout:
    """Where clips lie in the next batch; shared by the modules that need to know.

    Args:
        samples: of each clip; None where the batch is an ordinary one, a row for each clip.
        frames: of each clip.
    """

    samples: Sequence[int] | None = None
    frames: Sequence[int] | None = None


def lay_out(network: Any) -> Layout | None:
    """Teach a WavLM, HuBERT or wav2vec 2.0 to take clips one behind the other, wherever the layout says so.

    Returns:
        The layout, to be set before a batch and emptied after it; None where the network cannot learn it.
    """
    if getattr(network.config, "conv_pos_batch_norm", False):  # silence would not stay silent
        return None
    layout = Layout()
    wavlm = network.config.model_type == "wavlm"
    teach: list[tuple[Any, Any]] = [(network.feature_extractor, _convolve)]
    teach.append((network.encoder.pos_conv_embed, _positions))
    teach += [(layer.attention, _attend_wavlm if wavlm else _attend) for layer in network.encoder.layers]
    for module, forward in teach:
        module.layout, module.untaught = layout, module.forward
        module.forward = MethodType(forward, module)
    return layout


def _convolve(extractor: Any, waveforms: Tensor) -> Tensor:
    """Return `(1, channels, frames of all)` of waveforms `(1, samples of all)`."""
    if extractor.layout.samples is None:
        return extractor.untaught(waveforms)
    clips = torch.split(waveforms, list(extractor.layout.samples), dim=1)
    return torch.cat([type(extractor).forward(extractor, clip) for clip in clips], dim=2)


def _positions(embedding: Any, hidden: Tensor) -> Tensor:
    """Return `(1, frames of all, dim)`; as many frames of silence as the kernel sees stand between clips."""
    counts = embedding.layout.frames
    if counts is None:
        return embedding.untaught(hidden)
    gap = embedding.conv.padding[0]
    apart = [F.pad(clip, (0, 0, 0, gap)) for clip in torch.split(hidden, list(counts), dim=1)]
    whole = embedding.untaught(torch.cat(apart, dim=1))
    return torch.cat(
        [clip[:, : clip.shape[1] - gap] for clip in torch.split(whole, [n + gap for n in counts], dim=1)], dim=1
    )


def _attend(layer: Any, hidden_states: Tensor, *arguments: Any, **named: Any) -> tuple[Any, ...]:
    counts = layer.layout.frames
    if counts is None:
        return layer.untaught(hidden_states, *arguments, **named)
    return _attended(layer, hidden_states, counts, [None] * len(counts)), None


def _attend_wavlm(
    layer: Any,
    hidden_states: Tensor,
    attention_mask: Tensor | None = None,
    position_bias: Tensor | None = None,
    index: int = 0,
    **named: Any,
) -> tuple[Any, ...]:
    """Attend with WavLM's gated relative position bias (Chen et al. 2022), which layers hand on.

    Args:
        layer: of attention.
        hidden_states: `(1, frames of all, dim)`.
        attention_mask: None where clips lie one behind the other.
        position_bias: `(heads, longest, longest)` of the layer before.
        index: of the layer.
        named: what transformers passes on.
    """
    counts = layer.layout.frames
    if counts is None:
        return layer.untaught(
            hidden_states, attention_mask=attention_mask, position_bias=position_bias, index=index, **named
        )
    bias = layer.compute_bias(max(counts), max(counts)) if position_bias is None else position_bias
    gates = torch.split(_gates(layer, hidden_states), list(counts), dim=1)
    biases = [gate * bias[:, :count, :count] for gate, count in zip(gates, counts, strict=True)]
    return _attended(layer, hidden_states, counts, biases), None, bias


def _gates(layer: Any, hidden: Tensor) -> Tensor:
    """Return how much of the position bias each frame lets through, `(heads, frames of all, 1)`."""
    by_head = hidden.view(hidden.shape[1], layer.num_heads, -1).transpose(0, 1)
    projected = layer.gru_rel_pos_linear(by_head).unflatten(-1, (2, 4)).sum(-1)
    update, reset = torch.sigmoid(projected).chunk(2, dim=-1)
    return update * (reset * layer.gru_rel_pos_const[0] - 1.0) + 2.0


def _attended(layer: Any, hidden: Tensor, counts: Sequence[int], biases: Sequence[Tensor | None]) -> Tensor:
    def heads(projection: nn.Module) -> tuple[Tensor, ...]:
        by_head = projection(hidden).unflatten(-1, (layer.num_heads, -1)).transpose(1, 2)
        return torch.split(by_head, list(counts), dim=2)  # each (1, heads, frames, dim / heads)

    dropout = layer.dropout if layer.training else 0.0
    attended = [
        F.scaled_dot_product_attention(q, k, v, None if bias is None else bias[None].to(q.dtype), dropout)
        for q, k, v, bias in zip(heads(layer.q_proj), heads(layer.k_proj), heads(layer.v_proj), biases, strict=True)
    ]
    return layer.out_proj(torch.cat(attended, dim=2).transpose(1, 2).flatten(2))
