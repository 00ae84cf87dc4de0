"""Which device a process computes on, and copying waveforms there without making the host wait for it."""

import os
from collections.abc import Sequence

import torch
from torch import Tensor

from vibespeaker.errors import ConfigError

_DEVICES = "auto, cpu, cuda, cuda:0 …"


def resolve_device(device: str) -> torch.device:
    """Return the device that `device` names; auto is this process's GPU, or the CPU where there is none.

    Raises:
        ConfigError: there is no such device.
    """
    if device == "auto":
        if not torch.cuda.is_available():
            return torch.device("cpu")
        local = int(os.environ.get("LOCAL_RANK", os.environ.get("SLURM_LOCALID", "0")))
        return torch.device("cuda", local % torch.cuda.device_count())
    try:
        found = torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError("no such device", found=device, allowed=_DEVICES) from error
    if found.type == "meta":  # which computes nothing
        raise ConfigError("no such device", found=device, allowed=_DEVICES)
    return found


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
