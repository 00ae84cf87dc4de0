"""What every encoder is: waveforms or texts in, frames with true lengths out, and a fingerprint that names it."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from vibespeaker.batch import Frames

Modality = Literal["audio", "text"]


@dataclass(frozen=True)
class Fingerprint:
    """What makes an encoder's output what it is.

    Args:
        parts: named ingredients, e.g. `weights`, `layer`, `preprocessing`; each a short string. The same checkpoint
            gives the same parts from a folder and from a hub.
    """

    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 over all parts, 64 hexadecimal digits."""
        return hashlib.sha256(json.dumps(dict(self.parts), sort_keys=True).encode()).hexdigest()

    def difference(self, other: "Fingerprint") -> dict[str, tuple[str | None, str | None]]:
        """Return the parts that differ: name → (this one's, the other's)."""
        names = sorted({*self.parts, *other.parts})
        pairs = {name: (self.parts.get(name), other.parts.get(name)) for name in names}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


class Encoder(nn.Module, ABC):
    """A module that turns a list of inputs into padded frames.

    Attributes:
        modality: `audio` encoders take `(samples,)` float32 waveforms at 16 kHz, `text` encoders strings.
        dim: width of a frame.
        frames_per_second: frame rate of an audio encoder, None for text and where a clip is one frame.
        batch_invariant: False when padding would change the result; callers then pass clips of equal length or one
            at a time.
    """

    modality: Modality
    dim: int
    frames_per_second: float | None
    batch_invariant: bool = True

    @abstractmethod
    def fingerprint(self) -> Fingerprint:
        """Return what identifies this encoder's output."""

    @abstractmethod
    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Encode a batch.

        Args:
            inputs: waveforms, each `(samples,)` with at least one sample, or texts, each possibly empty.

        Returns:
            Frames on the encoder's device, at least one frame an input, padding zero.
        """


def pad_frames(sequences: Sequence[Tensor]) -> Frames:
    """Stack sequences of `(frames, dim)` into zero-padded `Frames`.

    Args:
        sequences: at least one, all of the same width, type and device.
    """
    lengths = torch.tensor([len(sequence) for sequence in sequences], dtype=torch.int64)
    values = nn.utils.rnn.pad_sequence(list(sequences), batch_first=True)
    return Frames(values, lengths.to(values.device, non_blocking=True))  # else the host would wait for the device
