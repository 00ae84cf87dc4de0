"""Encoders inside the model: the same frames as from a cache, made from audio and text as batches come."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from vibespeaker.batch import EmotionBatch, Frames
from vibespeaker.encoders.base import Encoder
from vibespeaker.encoders.specs import build_encoders
from vibespeaker.errors import ConfigError
from vibespeaker.provenance import EncoderProvenance

#: What the names of trained encoders' weights begin with in a checkpoint.
LIVE = "live."


class LiveEncoders(nn.Module):
    """Runs encoders on a batch; those with weights to train (`unfreeze: true`) belong to optimiser and checkpoint.

    The frozen ones stay in evaluation mode and out of both.

    Args:
        specs: encoder name → class_path, init_args and text, in the model's order.
    """

    def __init__(self, specs: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__()
        self.specs = {name: dict(spec) for name, spec in specs.items()}
        encoders = build_encoders(specs)
        is_trained = {name: any(p.requires_grad for p in module.parameters()) for name, module in encoders.items()}
        # a plain dict hides the frozen ones from parameters(), state_dict() and train()
        self.frozen = {name: module for name, module in encoders.items() if not is_trained[name]}
        self.trained = nn.ModuleDict({name: module for name, module in encoders.items() if is_trained[name]}).train()

    def encoder(self, name: str) -> Encoder:
        """Return the encoder called `name`."""
        module = self.trained[name] if name in self.trained else self.frozen[name]
        assert isinstance(module, Encoder)
        return module

    def provenance(self) -> dict[str, EncoderProvenance]:
        """Return what a checkpoint records of the encoders, in their order."""
        found = {}
        for name, spec in self.specs.items():
            encoder, trained = self.encoder(name), name in self.trained
            parts = dict(encoder.fingerprint().parts)
            found[name] = EncoderProvenance(encoder.dim, encoder.modality, spec, parts, trained)
        return found

    def forward(self, batch: EmotionBatch) -> dict[str, Frames]:
        """Return encoder name → frames of the batch's audio or texts, in the encoders' order."""
        return {name: self._encode(name, batch) for name in self.specs}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move the frozen encoders along with the model."""
        for encoder in self.frozen.values():
            encoder._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]

    def _texts(self, name: str, batch: EmotionBatch) -> tuple[str, ...]:
        """Return the texts that an encoder reads."""
        wanted = self.specs[name].get("text")
        if wanted is None:
            return batch.texts
        if wanted not in batch.named_texts:
            raise ConfigError(
                f"encoder {name} reads texts that the data lacks",
                found=wanted,
                allowed=batch.named_texts,
                remedy=f"vibespeaker transcribe MANIFEST --out MANIFEST --name {wanted}",
            )
        return batch.named_texts[wanted]

    def _encode(self, name: str, batch: EmotionBatch) -> Frames:
        encoder = self.encoder(name)
        hears = encoder.modality == "audio"
        if hears and not all(len(waveform) for waveform in batch.audio):
            raise ConfigError(
                f"encoder {name} needs audio, but some utterances are texts alone",
                remedy="use text encoders only, or a manifest whose every utterance has audio",
            )
        inputs: Sequence[Tensor] | Sequence[str] = batch.audio if hears else self._texts(name, batch)
        with torch.set_grad_enabled(torch.is_grad_enabled() and name in self.trained):
            return encoder.encode(inputs)
