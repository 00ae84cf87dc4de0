"""Fewer frames of another encoder: means of neighbouring ones, or statistics of the whole clip in one frame.

A reduction is an encoder of its own, so that every later step accounts for it: the fingerprint names it, a
cache made with another one is refused, and recognition makes the same frames again from the checkpoint's specification.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from vibespeaker.batch import Frames
from vibespeaker.encoders.base import Encoder
from vibespeaker.encoders.specs import build_encoders
from vibespeaker.encoders.training import Stage, Training
from vibespeaker.errors import ConfigError
from vibespeaker.provenance import Fingerprint

Statistic = Literal["mean", "std", "min", "max"]


class Reduced(Encoder):
    """Another encoder with fewer frames.

    With a stride, each frame is the mean of `stride` neighbouring ones, the last of those that are left, so that an
    utterance's mean stays almost the same. With statistics, a clip has one frame of all of them, one after the
    other, which `MeanPooling` returns unchanged. The standard deviation is that of `StatisticsPooling`, over frames and
    not over frames less one.

    Args:
        encoder: `class_path` and `init_args` of the other.
        stride: neighbouring frames in one; 1 keeps them all.
        statistics: of `mean`, `std`, `min` and `max`, in this order in a frame `dim` · their number wide; empty keeps
            frames.

    Raises:
        ConfigError: the stride is below 1, a statistic is unknown or named twice, or nothing would be reduced.
    """

    def __init__(self, encoder: dict[str, Any], stride: int = 1, statistics: Sequence[str] = ()) -> None:
        super().__init__()
        check_reduction(stride, statistics)
        if stride == 1 and not statistics:
            raise ConfigError("Reduced reduces nothing", remedy="set its stride or its statistics, or leave it out")
        if beside := [key for key in encoder if key not in ("class_path", "init_args")]:
            raise ConfigError(
                "what Reduced reads and how it is trained is said beside it",
                found=", ".join(beside),
                remedy="write it beside its own class_path",
            )
        self.encoder = build_encoders({"reduced": encoder})["reduced"]
        self.stride, self.statistics = stride, tuple(statistics)
        self.modality = self.encoder.modality
        self.batch_invariant = self.encoder.batch_invariant
        self.dim = self.encoder.dim * (len(statistics) or 1)
        rate = self.encoder.frames_per_second
        self.frames_per_second = None if rate is None or statistics else rate / stride

    def stages(self) -> tuple[Stage, ...]:
        """Return the other encoder's."""
        return self.encoder.stages()

    def set_training(self, training: Training) -> None:
        """Choose what of the other encoder is trained."""
        self.encoder.set_training(training)
        self.training_plan = training

    def fingerprint(self) -> Fingerprint:
        """Return the other encoder's fingerprint and the reduction."""
        stride = {"stride": str(self.stride)} if self.stride > 1 else {}
        statistics = {"statistics": ", ".join(self.statistics)} if self.statistics else {}
        return Fingerprint({**self.encoder.fingerprint().parts, **stride, **statistics})

    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Encode a batch: `ceil(frames / stride)` frames per input, or one; float32."""
        frames = self.encoder(inputs)
        if self.stride > 1:
            frames = neighbours_mean(frames, self.stride)
        return statistics_frame(frames, self.statistics) if self.statistics else frames


def reduced_specs(
    specs: Mapping[str, Mapping[str, Any]], stride: int, statistics: Sequence[str]
) -> dict[str, Mapping[str, Any]]:
    """Return specifications of the same encoders, of the same texts, with fewer frames.

    Raises:
        ConfigError: the stride is below 1, or a statistic is unknown or named twice.
    """
    check_reduction(stride, statistics)
    if stride == 1 and not statistics:
        return dict(specs)
    given: dict[str, Any] = {"stride": stride} if stride > 1 else {}
    given |= {"statistics": list(statistics)} if statistics else {}
    path = f"{Reduced.__module__.rpartition('.')[0]}.{Reduced.__name__}"
    reduced: dict[str, Mapping[str, Any]] = {}
    for name, spec in specs.items():
        inner = {key: value for key, value in spec.items() if key in ("class_path", "init_args")}
        beside = {key: value for key, value in spec.items() if key not in inner}
        reduced[name] = {"class_path": path, "init_args": {"encoder": inner, **given}, **beside}
    return reduced


def check_reduction(stride: int, statistics: Sequence[str]) -> None:
    """Refuse a reduction that is none.

    Raises:
        ConfigError: naming the argument.
    """
    if stride < 1:
        raise ConfigError("the stride of frames is too small", found=stride, allowed="1 and more; 1 keeps them all")
    known = get_args(Statistic)
    if len(set(statistics)) < len(statistics) or not set(statistics) <= set(known):
        raise ConfigError("statistics of a clip's frames", found=", ".join(statistics), allowed=", ".join(known))


def neighbours_mean(frames: Frames, stride: int) -> Frames:
    """Return the means of `stride` neighbouring frames, `(batch, ceil(frames / stride), dim)`, float32."""
    batch, longest, dim = frames.values.shape
    stride = min(stride, longest)  # beyond the longest there is nothing to wait for
    lengths = frames.lengths.to(frames.values.device)
    values = frames.values.float().masked_fill(~frames.mask()[:, :, None], 0.0)
    values = torch.nn.functional.pad(values, (0, 0, 0, -longest % stride))
    groups = values.view(batch, -1, stride, dim)
    starts = torch.arange(groups.shape[1], device=values.device) * stride
    counts = (lengths[:, None] - starts).clamp(1, stride)  # (batch, groups); padding's sums are zero
    return Frames(groups.sum(2) / counts[:, :, None], -(-frames.lengths // stride))


def statistics_frame(frames: Frames, statistics: Sequence[str]) -> Frames:
    """Return one frame per sequence, `(batch, 1, len(statistics) · dim)`, float32."""
    values, mask = frames.values.float(), frames.mask()[:, :, None]
    counts = mask.sum(1)
    mean = values.masked_fill(~mask, 0.0).sum(1) / counts
    made = []
    for statistic in statistics:
        if statistic == "mean":
            made.append(mean)
        elif statistic == "std":
            deviations = (values - mean[:, None]).masked_fill(~mask, 0.0)
            made.append((deviations.square().sum(1) / counts).sqrt())
        elif statistic == "min":
            made.append(values.masked_fill(~mask, float("inf")).amin(1))
        else:
            made.append(values.masked_fill(~mask, float("-inf")).amax(1))
    return Frames(torch.cat(made, dim=1)[:, None], torch.ones_like(frames.lengths))
