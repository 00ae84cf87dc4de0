"""What every encoder is: waveforms or texts in, frames with true lengths out, and a fingerprint that names it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence, Sized

import torch
from torch import Tensor, nn

from vibespeaker.batch import Frames
from vibespeaker.provenance import Fingerprint, Modality


class Encoder(nn.Module, ABC):
    """A module that turns a list of inputs into padded frames.

    Attributes:
        modality: `audio` encoders take `(samples,)` float32 waveforms at 16 kHz, `text` encoders strings.
        dim: width of a frame.
        frames_per_second: frame rate of an audio encoder, None for text and where a clip is one frame.
        batch_invariant: False when padding would change the result; `groups` then keeps inputs of unequal length apart.
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
            inputs: waveforms, each `(samples,)` with at least one sample, or texts, each possibly empty; all in one of
                `groups`.

        Returns:
            Frames on the encoder's device, at least one frame per input, padding zero.
        """

    def groups(self, inputs: Sequence[Sized]) -> list[list[int]]:
        """Return which inputs of a batch are encoded together, as positions: all, or those of equal length.

        This is the one rule for encoders that padding would change; extraction and encoders inside a model both use it.
        """
        if self.batch_invariant:
            return [list(range(len(inputs)))] if inputs else []
        by_length: dict[int, list[int]] = {}
        for position, item in enumerate(inputs):
            by_length.setdefault(len(item), []).append(position)
        return list(by_length.values())

    def encode(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Encode a batch of any lengths, group by group; otherwise as `forward`."""
        groups = self.groups(inputs)
        if len(groups) == 1:
            return self(inputs)
        encoded: dict[int, Tensor] = {}
        for group in groups:
            frames = self([inputs[position] for position in group])
            for position, values, length in zip(group, frames.values, frames.lengths.tolist(), strict=True):
                encoded[position] = values[:length]
        return pad_frames([encoded[position] for position in range(len(inputs))])


def pad_frames(sequences: Sequence[Tensor]) -> Frames:
    """Stack sequences of `(frames, dim)` into zero-padded `Frames`.

    Args:
        sequences: at least one, all of the same width, type and device.
    """
    lengths = torch.tensor([len(sequence) for sequence in sequences], dtype=torch.int64)
    values = nn.utils.rnn.pad_sequence(list(sequences), batch_first=True)
    return Frames(values, lengths.to(values.device, non_blocking=True))  # otherwise the host would wait for the device
