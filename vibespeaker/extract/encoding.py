"""Running encoders over batches, launching one batch ahead of the one that is consumed.

A GPU works on its own once a batch was launched. Asking for the frames at once would make the host wait for the device
and then the device for the host, which decodes, pads and copies the next batch. So the frames leave the device without
waiting, into pinned memory, and are unpacked when the next batch was launched. A CPU computes synchronously: there
the same order costs nothing and gains nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from vibespeaker.cache.precision import from_stored, to_stored
from vibespeaker.cache.records import EncoderRecord
from vibespeaker.encoders.base import Encoder
from vibespeaker.errors import CacheError
from vibespeaker.extract.clips import Clip

T = TypeVar("T")


@dataclass(frozen=True)
class Encoded:
    """The result of one batch of an encoder.

    Args:
        frames: clip number → `(frames, dim)` in the stored type, on the CPU.
        problems: clip number → why it has no frames.
    """

    frames: dict[int, Tensor]
    problems: dict[int, str]


@dataclass(frozen=True)
class _Group:
    """Clips that were encoded together; the tensors lie on the CPU, but their copies may still be in flight."""

    clips: Sequence[Clip]
    values: Tensor
    lengths: Tensor
    finite: Tensor


@dataclass(frozen=True)
class Launched:
    """A batch that the device works on; `arrived` is None where nothing runs asynchronously."""

    problems: dict[int, str]
    groups: list[_Group]
    dtype: str
    arrived: torch.cuda.Event | None

    def fetch(self) -> Encoded:
        """Wait for the batch and return its result."""
        if self.arrived is not None:
            self.arrived.synchronize()
        problems = dict(self.problems)
        frames: dict[int, Tensor] = {}
        for group in self.groups:
            rows = zip(group.clips, group.values, group.lengths.tolist(), group.finite.tolist(), strict=True)
            for clip, values, length, is_finite in rows:
                if is_finite:
                    frames[clip.number] = values[:length].clone()  # without holding on to the padding
                else:
                    problems[clip.number] = f"its frames are not finite in {self.dtype}; try another --dtype"
        return Encoded(frames, problems)


class BatchEncoder:
    """Encodes batches of clips in the declared precision.

    Args:
        encoder: on its device, in evaluation mode.
        record: what is declared of it.
        device: where it is.
    """

    def __init__(self, encoder: Encoder, record: EncoderRecord, device: torch.device) -> None:
        self._encoder, self._record, self._device = encoder, record, device

    def launch(self, clips: Sequence[Clip]) -> Launched:
        """Start encoding a batch; clips that could not be read become its problems.

        Raises:
            CacheError: the batch does not fit on the device.
        """
        problems = {clip.number: clip.problem for clip in clips if clip.problem is not None}
        readable = [clip for clip in clips if clip.content is not None]
        together = self._encoder.groups([clip.content for clip in readable if clip.content is not None])
        groups = [self._launch_group([readable[position] for position in group]) for group in together]
        arrived = None
        if self._device.type == "cuda":
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrived.record(torch.cuda.current_stream(self._device))
        return Launched(problems, groups, self._record.dtype, arrived)

    def _launch_group(self, clips: Sequence[Clip]) -> _Group:
        autocast = self._record.autocast
        kind = self._device.type
        precision = nullcontext() if autocast is None else torch.autocast(kind, dtype=getattr(torch, autocast))
        inputs = [clip.content if isinstance(clip.content, str) else torch.from_numpy(clip.content) for clip in clips]
        try:
            with torch.inference_mode(), precision:
                encoded = self._encoder(inputs)
                values = to_stored(encoded.values, self._record.dtype)
                floating = from_stored(values)
                # NaN and infinity show in the extremes, twenty times faster on a CPU than value by value
                finite = floating.amax((1, 2)).isfinite() & floating.amin((1, 2)).isfinite()
                return _Group(clips, *(_to_host(tensor) for tensor in (values, encoded.lengths, finite)))
        except torch.OutOfMemoryError as error:
            raise CacheError(
                f"encoder {self._record.name}: a batch of {len(clips)} clips does not fit on {self._device}",
                remedy="lower --batch_seconds or --batch_clips, or name fewer encoders; what is done stays done",
            ) from error


def one_ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield every item after the next one was made."""
    before: list[T] = []
    for item in items:
        yield from before
        before = [item]
    yield from before


def _to_host(tensor: Tensor) -> Tensor:
    """Return a copy on the CPU, from a GPU without waiting for it to arrive."""
    if tensor.device.type != "cuda":
        return tensor.cpu()
    return torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True).copy_(tensor, non_blocking=True)
