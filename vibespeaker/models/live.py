"""Encoders inside the model: the same frames as from a cache, made from audio and text as batches come."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from vibespeaker.batch import EmotionBatch, Frames
from vibespeaker.encoders.base import Encoder
from vibespeaker.encoders.masking import utterance_seed
from vibespeaker.encoders.rates import RateGroup, rate_groups
from vibespeaker.encoders.sharing import shared_results
from vibespeaker.encoders.specs import build_encoders
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.models.checkpoint import open_checkpoint
from vibespeaker.models.trained_weights import keep_trained_alone, rest_sha256, trained_names
from vibespeaker.models.weights import check_state
from vibespeaker.provenance import EncoderProvenance, Provenance

#: What the names of trained encoders' weights begin with in a checkpoint.
LIVE = "live."


class LiveEncoders(nn.Module):
    """Runs encoders on a batch; those of which something is trained belong to optimiser and checkpoint.

    The frozen ones stay in evaluation mode and out of both. Of the trained ones a state holds what was trained; the
    rest is named by its hash in the provenance.

    Args:
        specs: encoder name → class_path, init_args, text and what is trained, in the model's order.

    Attributes:
        draw: seed of the run and epoch, from which masks follow in training; None for no masks.
    """

    def __init__(self, specs: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__()
        self.specs = {name: dict(spec) for name, spec in specs.items()}
        self.draw: tuple[int, int] | None = None
        encoders = build_encoders(specs)
        # a plain dict hides the frozen ones from parameters(), state_dict() and train()
        self.frozen = {name: module for name, module in encoders.items() if not module.is_trained}
        self.trained = nn.ModuleDict({name: module for name, module in encoders.items() if module.is_trained}).train()
        for module in self.trained.values():
            keep_trained_alone(module)

    def encoder(self, name: str) -> Encoder:
        """Return the encoder called `name`."""
        module = self.trained[name] if name in self.trained else self.frozen[name]
        assert isinstance(module, Encoder)
        return module

    def start_from(self, name: str, path: Path) -> Provenance:
        """Give an encoder that is trained the weights that an encoder of its name had in a checkpoint.

        Args:
            name: of the encoder.
            path: the checkpoint.

        Returns:
            What that checkpoint was made of.

        Raises:
            CheckpointError: the checkpoint has no such encoder, or other weights were trained there.
            ConfigError: the encoder is not trained here: its weights would be in no checkpoint.
        """
        if name not in self.trained:
            raise ConfigError(
                "model.init_args.init_encoders names an encoder that is not trained",
                found=name,
                allowed=list(self.trained) or "none",
                remedy="say beside its class_path what of it is trained, at least what was trained there",
            )
        checkpoint = open_checkpoint(path)
        state = checkpoint.state(f"{LIVE}trained.{name}.")
        trained = trained_names(self.trained[name])
        if not state or not set(state) <= trained:
            raise CheckpointError(
                f"checkpoint {path} has no weights of encoder {name} that are trained here",
                found=sorted(set(state) - trained)[:3] or "no trained encoder of that name",
                remedy="train here at least what was trained there",
            )
        own = self.trained[name].state_dict()
        check_state(self.trained[name], {**own, **state}, f"checkpoint {path}: encoder {name}")
        self.trained[name].load_state_dict({**own, **state})
        return checkpoint.provenance

    def provenance(self) -> dict[str, EncoderProvenance]:
        """Return what a checkpoint records of the encoders, in their order."""
        found = {}
        for name, spec in self.specs.items():
            encoder, trained = self.encoder(name), name in self.trained
            parts = dict(encoder.fingerprint().parts)
            rest = rest_sha256(encoder) if trained else None
            found[name] = EncoderProvenance(encoder.dim, encoder.modality, spec, parts, trained, rest, live=True)
        return found

    def rate_groups(self) -> list[RateGroup]:
        """Return the trained weights that have learning rates of their own."""
        trained = [(name, self.encoder(name)) for name in self.specs if name in self.trained]
        return [group for name, encoder in trained for group in rate_groups(name, encoder)]

    def forward(self, batch: EmotionBatch) -> dict[str, Frames]:
        """Return encoder name → frames of the batch's audio or texts, in the encoders' order."""
        with shared_results():  # the batch holds the waveforms meanwhile
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
        encoder.mask_seeds = None
        if self.training and self.draw is not None and (encoder.masking is not None or encoder.is_seeded):
            encoder.mask_seeds = [utterance_seed(*self.draw, name, row) for row in batch.rows.tolist()]
        inputs: Sequence[Tensor] | Sequence[str] = batch.audio if hears else self._texts(name, batch)
        with torch.set_grad_enabled(torch.is_grad_enabled() and name in self.trained):
            return encoder.encode(inputs)


def start_encoders(live: LiveEncoders | None, checkpoints: Mapping[str, Path]) -> list[Provenance]:
    """Let encoders start from the weights of other runs, and return what those are made of.

    See `LiveEncoders.start_from`.

    Args:
        live: the encoders inside the model.
        checkpoints: encoder name → checkpoint.

    Raises:
        ConfigError: there are none inside the model.
    """
    if live is None and checkpoints:
        raise ConfigError(
            "model.init_args.init_encoders names encoders that do not run inside the model",
            found=", ".join(checkpoints),
            remedy="name them in model.init_args.encoders, with what of them is trained",
        )
    return [] if live is None else [live.start_from(name, Path(path)) for name, path in checkpoints.items()]
