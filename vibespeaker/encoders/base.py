"""What every encoder is: waveforms or texts in, frames with true lengths out, and a fingerprint that names it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence, Sized
from itertools import chain
from typing import Self, cast

import torch
from torch import Tensor, nn

from vibespeaker.batch import Frames
from vibespeaker.encoders.gradients import recompute
from vibespeaker.encoders.lora import add_adapters
from vibespeaker.encoders.masking import Masking
from vibespeaker.encoders.training import Stage, Training, chosen_stages, keep_frozen_still
from vibespeaker.errors import ConfigError
from vibespeaker.provenance import Fingerprint, Modality


class Encoder(nn.Module, ABC):
    """A module that turns a list of inputs into padded frames.

    Attributes:
        modality: `audio` encoders take `(samples,)` float32 waveforms at 16 kHz, `text` encoders strings.
        dim: width of a frame.
        frames_per_second: frame rate of an audio encoder, None for text and where a clip is one frame.
        batch_invariant: False when padding would change the result; `groups` then keeps inputs of unequal length apart.
        lora_targets: linear maps of a layer that adapters stand beside where none are named.
        training_plan: what of it is trained; nothing until `set_training` is called.
        draws_weights: True where its fixed weights are random numbers that it draws itself. What is shared holds them,
            since generators of random numbers change between versions.
        begins_random: True where it has no trained weights to begin with, and so must be trained whole: its fingerprint
            does not name them.
        is_seeded: True where it draws in training what of an input it reads, by `mask_seeds`.
        can_mask: whether it has a transformer whose input can be masked.
        masking: how much of that is masked where there are seeds; None for nothing.
        mask_seeds: of each input of the next batch; None for no masks and nothing drawn.
    """

    modality: Modality
    dim: int
    frames_per_second: float | None
    batch_invariant: bool = True
    lora_targets: tuple[str, ...] = ()
    training_plan: Training = Training()
    draws_weights: bool = False
    begins_random: bool = False
    is_seeded: bool = False
    can_mask: bool = False
    masking: Masking | None = None
    mask_seeds: Sequence[int] | None = None

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

    def feature_names(self) -> tuple[str, ...]:
        """Return what each value of a frame is called, `dim` names; those that a network learned have numbers."""
        return tuple(f"value {number}" for number in range(1, self.dim + 1))

    def stages(self) -> tuple[Stage, ...]:
        """Return its stages, from input to output, without what the output does not depend on; by default only one."""
        return (Stage("layer", (self,)),)

    def set_training(self, training: Training) -> None:
        """Choose what is trained, once, while the weights are still those that the fingerprint names.

        Raises:
            ConfigError: it has no such parts.
        """
        name = type(self).__name__
        if self.begins_random and training.kind != "all":
            raise ConfigError(
                f"{name} begins with random weights, which are in no checkpoint unless all of them are trained",
                found=f"train: {training.kind}",
                allowed="train: all",
                remedy="write train: all beside its class_path, or give a checkpoint with trained weights",
            )
        chosen = chosen_stages(self.stages(), training, name)
        self.requires_grad_(False)
        for stage in chosen:
            for weight in stage.parameters():
                weight.requires_grad_(True)
        layers = [module for stage in self.stages() if stage.kind == "layer" for module in stage.modules]
        if training.lora is not None:
            add_adapters(self, layers, training.lora, self.lora_targets, name)
        if training.gradient_checkpointing:
            recompute(layers)
        self.training_plan = training

    @property
    def is_trained(self) -> bool:
        """True when any of its weights is trained."""
        return any(weight.requires_grad for weight in self.parameters())

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode, which all that is frozen ignores: dropout stays off and running statistics stay."""
        super().train(mode and self.is_trained)
        if self.training:
            for stage in self.stages():
                if not stage.is_trained:
                    for module in stage.modules:
                        module.train(False)
            keep_frozen_still(self)
        return self

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

    def __call__(self, inputs: Sequence[Tensor | str]) -> Frames:
        """Run `forward`. An encoder without weights measures: under autocast, too, it computes in float32."""
        if next(self.parameters(), None) is not None:
            return cast(Frames, super().__call__(inputs))
        tensors = chain(self.buffers(), (item for item in inputs if isinstance(item, Tensor)))
        device = next((tensor.device for tensor in tensors), torch.device("cpu"))
        with torch.autocast(device.type, enabled=False):
            return cast(Frames, super().__call__(inputs))

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
