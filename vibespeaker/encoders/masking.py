"""Masks on what an encoder's transformer reads (SpecAugment, Park et al. 2019), the same whatever process draws them.

wav2vec 2.0 and its relatives are themselves trained with masks there. The masks of an utterance follow from a seed of
its own, so that they are the same in any batch and on any number of processes; transformers' own would follow from
NumPy's global generator.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import SHARE, Range, require
from vibespeaker.errors import ConfigError

#: Masks of one kind on an utterance.
MASKS = Range(0, 100, whole=True)


@dataclass(frozen=True)
class Masking:
    """How much is masked, in training.

    Args:
        time_masks: stretches of time per utterance.
        time_share: largest share of the utterance's frames in one stretch.
        channel_masks: bands of channels per utterance.
        channel_share: largest share of the channels in one band.

    Raises:
        ConfigError: the masks could cover everything.
    """

    time_masks: int = 2
    time_share: float = 0.1
    channel_masks: int = 1
    channel_share: float = 0.1

    def __post_init__(self) -> None:
        require(MASKS, time_masks=self.time_masks, channel_masks=self.channel_masks)
        require(SHARE, time_share=self.time_share, channel_share=self.channel_share)
        kinds = (("time", self.time_masks * self.time_share), ("channel", self.channel_masks * self.channel_share))
        for kind, share in kinds:
            if not 0 <= share < 1:
                raise ConfigError(f"{kind} masks could cover everything", found=share, allowed="masks · share below 1")


def read_masking(spec: Mapping[str, Any], place: str) -> Masking | None:
    """Read the key `masking` beside an encoder's class path, None where it is not given.

    Raises:
        ConfigError: naming the key that is wrong.
    """
    given = spec.get("masking")
    if given is None:
        return None
    known = [field.name for field in fields(Masking)]
    if unknown := [str(name) for name in given if name not in known]:
        raise ConfigError(f"{place}: masking has unknown keys", found=", ".join(unknown), allowed=known)
    try:
        return Masking(**given)
    except ConfigError as error:
        raise ConfigError(f"{place}: masking: {error}") from error


def utterance_seed(seed: int, epoch: int, encoder: str, row: int) -> int:
    """Return the seed of an utterance's masks.

    Args:
        seed: of the run.
        epoch: counts from 0.
        encoder: its name; encoders are masked at different places.
        row: the utterance's row in the manifest.
    """
    return int.from_bytes(hashlib.sha256(f"{seed}/{epoch}/{encoder}/{row}".encode()).digest()[:8], "little") >> 1


def stretches(sizes: Tensor, longest: int, share: float, draws: Tensor) -> Tensor:
    """Return `(batch, longest)` booleans, True in stretches within each row's first `sizes` places.

    Args:
        sizes: `(batch,)`.
        longest: the largest of them, or more.
        share: largest share of a row's places in one stretch.
        draws: `(2, batch, stretches, 1)`, uniform from 0 to 1: of widths and of places.
    """
    sizes = sizes[:, None, None]
    widths = (draws[0] * (share * sizes + 1)).long().clamp(max=(sizes * share).long())
    starts = (draws[1] * (sizes - widths + 1)).long()
    positions = torch.arange(longest, device=sizes.device)
    return ((positions >= starts) & (positions < starts + widths)).any(1)


def mask_input(
    layer: nn.Module, masking: Masking, seeds: Sequence[int], lengths: Sequence[int]
) -> torch.utils.hooks.RemovableHandle:
    """Set stretches of time and bands of channels of what a layer reads to zero, until the handle is removed.

    Args:
        layer: reads `(batch, frames, dim)`, as its first argument or as `hidden_states`; or a single row, in which
            the inputs lie one behind the other (`laid_out`).
        masking: how much is masked.
        seeds: of each row.
        lengths: real frames of each row.
    """

    def mask(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        hidden: Tensor = arguments[0] if arguments else named["hidden_states"]
        rows, places, dim = hidden.shape
        if rows == len(seeds):
            masks = _masks(places, dim, masking, seeds, lengths)
        else:
            apart = _masks(max(lengths), dim, masking, seeds, lengths)
            masks = torch.cat([own[:length] for own, length in zip(apart, lengths, strict=True)])[None]
        masked = hidden.masked_fill(masks.to(hidden.device), 0.0)
        return ((masked, *arguments[1:]), named) if arguments else (arguments, {**named, "hidden_states": masked})

    return layer.register_forward_pre_hook(mask, with_kwargs=True)


def _masks(longest: int, dim: int, masking: Masking, seeds: Sequence[int], lengths: Sequence[int]) -> Tensor:
    """Return `(inputs, longest, dim)` booleans, in main memory."""
    drawn: list[tuple[Tensor, Tensor]] = []
    for seed in seeds:
        using = torch.Generator().manual_seed(seed)
        counts = (masking.time_masks, masking.channel_masks)
        time, band = (torch.rand(2, 1, count, 1, generator=using) for count in counts)
        drawn.append((time, band))
    times, channels = (torch.cat(part, dim=1) for part in zip(*drawn, strict=True))
    sizes = torch.tensor(lengths)
    hidden_times = stretches(sizes, longest, masking.time_share, times)
    bands = stretches(torch.full_like(sizes, dim), dim, masking.channel_share, channels)
    return hidden_times[:, :, None] | bands[:, None, :]
