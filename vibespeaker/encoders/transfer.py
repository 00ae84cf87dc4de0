"""Copying waveforms to a GPU, without making the host wait for it."""

from collections.abc import Sequence

import torch
from torch import Tensor


def on_device(clips: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """Return waveforms as float32 on `device`.

    To a GPU they go together, in one asynchronous copy from pinned memory: a copy from ordinary memory waits until
    the device has finished all earlier work, once per clip.

    Args:
        clips: at least one, each `(samples,)`, on any device.
        device: where they are wanted.
    """
    if device.type != "cuda" or any(clip.device.type != "cpu" for clip in clips):
        return [clip.detach().to(device, torch.float32) for clip in clips]
    pinned = torch.empty(sum(len(clip) for clip in clips), pin_memory=True)
    torch.cat([clip.detach().float() for clip in clips], out=pinned)
    return list(torch.split(pinned.to(device, non_blocking=True), [len(clip) for clip in clips]))
