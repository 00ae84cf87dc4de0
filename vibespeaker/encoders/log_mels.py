"""Whisper's input: log-mel frames, computed where the encoder runs."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

WINDOW = 400
HOP = 160


class LogMels(nn.Module):
    """Log-mel frames as Whisper was trained on (Radford et al. 2022), 100 per second.

    transformers' `WhisperFeatureExtractor` computes the same numbers, but returns them in main memory: on a GPU the
    host then waits for the device in every batch, and they travel to the host and back. Always float32, also where the
    encoder runs under autocast.

    Args:
        filters: mel filters, `(WINDOW // 2 + 1, mels)`, of the checkpoint's feature extractor.
    """

    filters: Tensor
    window: Tensor

    def __init__(self, filters: npt.NDArray[np.floating]) -> None:
        super().__init__()
        self.register_buffer("filters", torch.from_numpy(filters).float().T.contiguous(), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def forward(self, clips: Sequence[Tensor], length: int) -> Tensor:
        """Return `(batch, mels, length // HOP)`: the loudest eight decades of each clip, scaled to about ±1.

        Args:
            clips: each `(samples,)` at 16 kHz, float32, on this module's device, at most `length` long.
            length: samples that each clip is filled up to with silence.
        """
        padded = nn.utils.rnn.pad_sequence(list(clips), batch_first=True)
        padded = nn.functional.pad(padded, (0, length - padded.shape[1]))
        with torch.autocast(padded.device.type, enabled=False):
            spectrum = torch.stft(padded, WINDOW, HOP, window=self.window, return_complex=True)
            power = spectrum[..., :-1].abs().square().contiguous()  # (batch, WINDOW // 2 + 1, frames)
            decades = (self.filters @ power).clamp(min=1e-10).log10()
        loudest = decades.amax(dim=(1, 2), keepdim=True)
        return (decades.maximum(loudest - 8.0) + 4.0) / 4.0
