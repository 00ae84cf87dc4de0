"""What every encoder is: waveforms or texts in, frames with true lengths out, and a fingerprint that names it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

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
            Frames on the encoder's device, at least one frame per input, padding zero.
        """


def pad_frames(sequences: Sequence[Tensor]) -> Frames:
    """Stack sequences of `(frames, dim)` into zero-padded `Frames`.

    Args:
        sequences: at least one, all of the same width, type and device.
    """
    lengths = torch.tensor([len(sequence) for sequence in sequences], dtype=torch.int64)
    values = nn.utils.rnn.pad_sequence(list(sequences), batch_first=True)
    return Frames(values, lengths.to(values.device, non_blocking=True))  # otherwise the host would wait for the device
