"""Pooling: a sequence of frames becomes one embedding, whatever its length and padding."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vibespeaker.arguments.ranges import WIDTH, require
from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError
from vibespeaker.models.packed import attend, moments, project

#: Floor of variances, the published implementation's; below it a deviation is 1e-6 and passes no gradient.
VARIANCE_FLOOR = 1e-12


class Pooling(nn.Module, ABC):
    """A module from frames to `(batch, output_dim)`; padding never changes the result.

    Attributes:
        output_dim: width of the pooled embedding.
        is_solved: whether poolings within it are fitted, see `FittedPooling`.
    """

    output_dim: int
    is_solved: ClassVar[bool] = False

    @abstractmethod
    def forward(self, frames: Frames) -> Tensor:
        """Pool `(batch, frames, dim)` into `(batch, output_dim)`, float32."""


class FittedPooling(Pooling, ABC):
    """A pooling of which something is found over the whole training split before the first step, without labels.

    It is fitted where linear layers in closed form read what it makes (`LateFusion`'s `ridge`), and refused elsewhere.
    """

    @abstractmethod
    def fit(self, frames: Iterable[Frames]) -> None:
        """Find it from the frames of all training utterances, batch by batch."""


class MeanPooling(Pooling):
    """Average over real frames, in float32: the source's second model.

    Args:
        dim: width of a frame.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.output_dim = dim

    def forward(self, frames: Frames) -> Tensor:
        """Pool `(batch, frames, dim)` into `(batch, dim)`."""
        lengths = frames.lengths.to(frames.values.device)
        return moments(frames.values, lengths, torch.float32)[0]


class StatisticsPooling(Pooling):
    """Mean and standard deviation over real frames, in float32 (x-vectors, Snyder et al. 2018).

    Args:
        dim: width of a frame.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.output_dim = 2 * dim

    def forward(self, frames: Frames) -> Tensor:
        """Pool `(batch, frames, dim)` into `(batch, 2 * dim)`."""
        lengths = frames.lengths.to(frames.values.device)
        mean, variance = moments(frames.values, lengths, torch.float32)
        return torch.cat((mean, _deviation(variance)), dim=1)


class AttentiveStatisticsPooling(Pooling):
    """Attention-weighted mean and standard deviation over real frames, in float32 whatever the precision around it.

    A small network scores the frames: `score · tanh(norm(relu(hidden)))`, or `score · tanh(hidden)` without batch norm.
    With global context its input is `[x; mean; std]`, where the last two are the utterance's own. Since
    `W · [x; mean; std] = Wx·x + (Wm·mean + Ws·std)`, the second term is computed once per utterance, not per frame,
    and the concatenation, three times the size of the input, is never made.

    Two published kinds:

    - one weight per channel, with global context (ECAPA-TDNN, Desplanques et al. 2020), the default;
    - one weight per frame, `per_channel=False, global_context=False` (Okabe et al. 2018; there without batch norm).

    Args:
        dim: width of a frame.
        attention_dim: width of the network's hidden layer.
        per_channel: whether every channel has weights of its own.
        global_context: whether the network also sees the utterance's mean and standard deviation.
        batch_norm: whether its hidden layer is normalised. In training the statistics are those of the batch's real
            frames, so that a batch split over processes is not exactly the whole one.

    Raises:
        ConfigError: `attention_dim` is out of range.
    """

    def __init__(
        self,
        dim: int,
        attention_dim: int = 128,
        per_channel: bool = True,
        global_context: bool = True,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        require(WIDTH, attention_dim=attention_dim)
        self.output_dim = 2 * dim
        self.frame = nn.Linear(dim, attention_dim)
        self.context = nn.Linear(2 * dim, attention_dim, bias=False) if global_context else None
        self.norm = nn.BatchNorm1d(attention_dim) if batch_norm else None
        # no bias: it would add the same to all frames' scores and cancel in the softmax
        self.score = nn.Linear(attention_dim, dim if per_channel else 1, bias=False)

    def forward(self, frames: Frames) -> Tensor:
        """Pool `(batch, frames, dim)` into means and standard deviations `(batch, 2 * dim)`."""
        lengths = frames.lengths.to(frames.values.device)
        with torch.autocast(frames.values.device.type, enabled=False):
            hidden = self._activate(self._hidden(frames.values, lengths), frames)
            mean, variance = attend(frames.values, hidden, _full(self.score.weight), lengths)
            return torch.cat((mean, _deviation(variance)), dim=1)

    def _hidden(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Return the first layer's output for every frame, as `packed.project` does."""
        # no len(), which would write the size into an exported network
        weight, offset = _full(self.frame.weight), _full(self.frame.bias).expand(values.shape[0], -1)
        if self.context is not None:
            mean, variance = moments(values, lengths, weight.dtype)
            statistics = torch.cat((mean, _deviation(variance)), dim=1)  # (batch, 2 * dim)
            offset = F.linear(statistics, _full(self.context.weight), _full(self.frame.bias))
        return project(values, weight, offset, lengths)

    def _activate(self, hidden: Tensor, frames: Frames) -> Tensor:
        if self.norm is None:
            return hidden.tanh()
        activated = hidden.relu().to(self.norm.weight.dtype)
        if not self.training:
            normed = _with_running_statistics(self.norm, activated)
        elif activated.ndim == 2:
            normed = self._norm_rows(self.norm, activated)
        else:
            mask = frames.mask()  # padding must not enter the statistics
            rows = self._norm_rows(self.norm, activated[mask])
            normed = torch.zeros_like(activated).masked_scatter(mask[:, :, None], rows)
        return normed.to(hidden.dtype).tanh()

    @staticmethod
    def _norm_rows(norm: nn.BatchNorm1d, rows: Tensor) -> Tensor:
        # the variance of a single value is undefined
        normed: Tensor = norm(rows) if len(rows) > 1 else _with_running_statistics(norm, rows)
        return normed


def _with_running_statistics(norm: nn.BatchNorm1d, values: Tensor) -> Tensor:
    """Normalise `(…, channels)` as batch norm does in eval mode."""
    flat = values.reshape(-1, values.shape[-1])
    normed = F.batch_norm(flat, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
    return normed.reshape(values.shape)


def _full(parameter: Tensor) -> Tensor:
    """Return at least float32: parameters may be kept in half precision."""
    return parameter.to(torch.promote_types(parameter.dtype, torch.float32))


def _deviation(variance: Tensor) -> Tensor:
    return variance.clamp(min=VARIANCE_FLOOR).sqrt()


def make_poolings(
    dims: Mapping[str, int], pooling: Callable[[int], Pooling], poolings: Mapping[str, Callable[[int], Pooling]] | None
) -> list[Pooling]:
    """Return the pooling of each encoder, in the order of `dims`.

    Args:
        dims: encoder name → width of what is pooled.
        pooling: from that width to the pooling of an encoder.
        poolings: encoder name → one in place of `pooling`; names of encoders that are not in `dims` are ignored.

    Raises:
        ConfigError: one has to be fitted, which it would not be.
    """
    made = {name: (poolings or {}).get(name, pooling)(dim) for name, dim in dims.items()}
    for name, module in made.items():
        unfitted = [type(part).__name__ for part in module.modules() if isinstance(part, FittedPooling)]
        if unfitted and not module.is_solved:
            raise ConfigError(
                f"the pooling of {name} has to be fitted, which is done for members in closed form",
                found=", ".join(unfitted),
                remedy=f"use models.LateFusion and name {name} in its ridge, or choose another pooling",
            )
    return [*made.values()]
