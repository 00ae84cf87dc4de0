"""Encoders made ready: built once, and moved to the device in groups that fit there together."""

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from vibespeaker.cache.records import EncoderRecord
from vibespeaker.encoders.base import Encoder
from vibespeaker.encoders.pretrained import PretrainedEncoder
from vibespeaker.encoders.specs import build_encoders
from vibespeaker.errors import CacheError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedEncoder:
    """An encoder and what the cache will know of it.

    Args:
        encoder: in evaluation mode.
        record: its record.
    """

    encoder: Encoder
    record: EncoderRecord


def load_encoders(
    specs: Mapping[str, Mapping[str, Any]], dtype: str, autocast: str | None, compile_layers: bool = False
) -> dict[str, list[LoadedEncoder]]:
    """Build encoders in main memory.

    Args:
        specs: encoder name → class_path and init_args.
        dtype: precision of the stored frames.
        autocast: precision the encoders run in, None for their own.
        compile_layers: whether pretrained encoders are compiled.

    Returns:
        Column of the manifest → the encoders of what it names, in their order.

    Raises:
        ConfigError: a specification is wrong.
        EncoderError: a checkpoint cannot be had.
    """
    loaded: dict[str, list[LoadedEncoder]] = {}
    for name, encoder in build_encoders(specs).items():
        if compile_layers:
            for module in encoder.modules():  # itself, or the one that it changes
                if isinstance(module, PretrainedEncoder):
                    module.compile_layers()
        record = EncoderRecord.of(encoder, name, specs[name], dtype, autocast)
        loaded.setdefault(record.column, []).append(LoadedEncoder(encoder, record))
    return loaded


def on_device(encoders: Sequence[LoadedEncoder], device: torch.device) -> Iterator[list[LoadedEncoder]]:
    """Move encoders to a device, and yield as many together as fit there; they leave before the next are moved.

    Raises:
        CacheError: one does not fit by itself.
    """
    waiting = deque(encoders)
    while waiting:
        group: list[LoadedEncoder] = []
        while waiting:
            try:
                waiting[0].encoder.to(device)
            except torch.OutOfMemoryError as error:
                waiting[0].encoder.to("cpu")
                if not group:
                    raise CacheError(
                        f"encoder {waiting[0].record.name} does not fit on {device}",
                        remedy="use another --device, or half precision in the encoder's init_args",
                    ) from error
                names = ", ".join(loaded.record.name for loaded in waiting)
                log.warning("%s is full: encoder %s follows in a pass of its own over the recordings", device, names)
                break
            group.append(waiting.popleft())
        yield group
        for loaded in group:
            loaded.encoder.to("cpu")
