"""Cross-modal attention over frames: those of one encoder look at those of others, such as audio at words and back.

Shapes, for an encoder with T frames of width d that attends to encoders with S frames in all:

| step                                   | shape       |
|----------------------------------------|-------------|
| its frames, projected                  | `(B, T, A)` |
| frames that it attends to, one behind the other, projected | `(B, S, A)` |
| what it finds there, added and normalised | `(B, T, A)` |
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vibespeaker.arguments.ranges import COUNT, SHARE_BELOW_ONE, WIDTH, require
from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError


class CrossAttention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017) from each encoder's frames to those of other encoders.

    `norm(x + attention(x, y))`, where x are an encoder's projected frames and y those that it attends to; padding of
    either is masked. An encoder that attends to none keeps its frames as they are.

    Args:
        dims: encoder name → width of its frames, at least two encoders.
        attention_dim: width that frames are projected to, A.
        heads: attention heads, which divide the width.
        dropout: probability of dropping a value of what is found.
        attends: encoder name → encoders whose frames it attends to; by default each attends to all others.

    Attributes:
        output_dims: encoder name → width of the frames that come out.

    Raises:
        ConfigError: there is one encoder only, an unknown one is named, or the heads do not divide the width.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        attention_dim: int = 256,
        heads: int = 4,
        dropout: float = 0.0,
        attends: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__()
        require(WIDTH, attention_dim=attention_dim)
        require(COUNT, heads=heads)
        require(SHARE_BELOW_ONE, dropout=dropout)
        if attention_dim % heads:
            raise ConfigError("CrossAttention: heads do not divide attention_dim", found=f"{heads}, {attention_dim}")
        self.attends = _checked(dims, attends)
        read = {name for others in self.attends.values() for name in others} | set(self.attends)
        # modules' names may hold no dots, which encoders' may
        self.places = {name: place for place, name in enumerate(name for name in dims if name in read)}
        self.projections = nn.ModuleList(nn.Linear(dims[name], attention_dim) for name in self.places)
        self.attentions = nn.ModuleList(_Attention(attention_dim, heads, dropout) for _ in self.attends)
        self.output_dims = {name: attention_dim if name in self.attends else dim for name, dim in dims.items()}

    def forward(self, frames: Mapping[str, Frames]) -> dict[str, Frames]:
        """Return each encoder's frames `(batch, frames, output_dims[name])` with the same lengths, padding zero."""
        projected = {name: self._projected(place, frames[name]) for name, place in self.places.items()}
        found = dict(frames)
        for (name, others), attention in zip(self.attends.items(), self.attentions, strict=True):
            context = torch.cat([projected[other] for other in others], dim=1)
            seen = torch.cat([frames[other].mask() for other in others], dim=1)
            values = attention(projected[name], context, seen)
            found[name] = Frames(values.masked_fill(~frames[name].mask()[:, :, None], 0.0), frames[name].lengths)
        return found

    def _projected(self, place: int, frames: Frames) -> Tensor:
        projection = self.projections[place]
        assert isinstance(projection, nn.Linear)
        real = frames.values.masked_fill(~frames.mask()[:, :, None], 0.0)
        return projection(real.to(projection.weight.dtype))


class _Attention(nn.Module):
    """One direction: `(batch, T, dim)` attends to `(batch, S, dim)`."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.keys_values, self.output = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim), nn.Linear(dim, dim)
        self.dropout, self.norm = nn.Dropout(dropout), nn.LayerNorm(dim)

    def forward(self, own: Tensor, context: Tensor, seen: Tensor) -> Tensor:
        """Return `(batch, T, dim)`; `seen` `(batch, S)` is False on padding."""
        keys, values = self.keys_values(context).chunk(2, dim=-1)
        query, keys, values = (self._by_head(part) for part in (self.query(own), keys, values))
        # (batch, heads, T, dim / heads)
        found = F.scaled_dot_product_attention(query, keys, values, seen[:, None, None, :])
        normed: Tensor = self.norm(own + self.dropout(self.output(found.transpose(1, 2).flatten(2))))
        return normed

    def _by_head(self, values: Tensor) -> Tensor:
        return values.view(*values.shape[:2], self.heads, -1).transpose(1, 2)


def _checked(dims: Mapping[str, int], attends: Mapping[str, Sequence[str]] | None) -> dict[str, tuple[str, ...]]:
    """Return encoder name → those it attends to, in the order of `dims`."""
    if attends is None:
        attends = {name: [other for other in dims if other != name] for name in dims if len(dims) > 1}
    named = {name: tuple(others) for name, others in attends.items()}
    unknown = [name for one, others in named.items() for name in (one, *others) if name not in dims]
    if not named or unknown or not all(named.values()):
        raise ConfigError(
            "cross-attention needs encoders that attend to others, all read by the model",
            found=unknown or named or f"{', '.join(dims)} alone",
            allowed=list(dims),
            remedy="name at least one other encoder for each in attends, or leave cross_attention out",
        )
    if itself := [name for name, others in named.items() if name in others]:
        raise ConfigError("cross-attention is between encoders, and one attends to itself", found=itself[0])
    return {name: named[name] for name in dims if name in named}
