"""What recognisers of the Hugging Face hub share: a checkpoint, a device, a precision, and a fingerprint of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from vibespeaker.audio.speech import Vad
from vibespeaker.encoders.checkpoints import UNUSED_WEIGHTS, load, weights_sha256
from vibespeaker.errors import ConfigError
from vibespeaker.transcribe.base import Transcriber

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class CheckpointTranscriber(Transcriber):
    """Base of recognisers with a pretrained network.

    Args:
        checkpoint: folder, or name on the hub.
        loader: takes the folder or name, and whether only local files may be used; returns the network, which stands
            in `network`, and what else the checkpoint holds, which stands in `rest`.
        device: where to run, such as `cpu` or `cuda`.
        precision: type of weights and arithmetic: float32, bfloat16 or float16.
        batch_size: windows transcribed together.
        vad: detector of `audio.speech`; a window that certainly holds no speech has an empty text.

    Raises:
        EncoderError: the checkpoint is missing, unreachable or of another kind.
        ConfigError: an argument is out of range, or there is no such device.
    """

    network: Any
    rest: tuple[Any, ...]
    #: Parts of the names of weights that nothing uses.
    unused_weights: Sequence[str] = UNUSED_WEIGHTS

    def __init__(
        self,
        checkpoint: str,
        loader: Callable[[str, bool], tuple[Any, ...]],
        device: str,
        precision: str,
        batch_size: int,
        vad: Vad,
    ) -> None:
        own = type(self).__name__
        if precision not in _DTYPES or batch_size < 1:
            raise ConfigError(
                f"{own}: an argument is out of range",
                found=f"precision={precision}, batch_size={batch_size}",
                allowed=f"precision of {', '.join(_DTYPES)}; batch_size at least 1",
            )
        self.name = Path(checkpoint).name if Path(checkpoint).is_dir() else checkpoint
        self.precision, self.batch_size, self.vad = precision, batch_size, vad
        self.network, *rest = load(checkpoint, own, loader)
        self.rest = tuple(rest)
        self._weights = weights_sha256(self.network, self.unused_weights)
        try:
            self.network.to(device=device, dtype=_DTYPES[precision]).eval().requires_grad_(False)
        except (RuntimeError, AssertionError) as error:  # torch's two ways of saying that there is none
            raise ConfigError(f"{own}: the device cannot be used", found=device, allowed="cpu, cuda, …") from error

    @property
    def _parts(self) -> dict[str, str]:
        """What decides the texts of any checkpoint: weights, precision, detector of speech."""
        return {"weights": self._weights, "precision": self.precision, "vad": self.vad}
