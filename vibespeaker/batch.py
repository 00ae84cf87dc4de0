"""The contract of encoders, cache, data, models and tasks: frames, batches of utterances, model outputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

#: Category index of an utterance without a usable category; the `ignore_index` of cross-entropy.
NO_CATEGORY = -100


@dataclass(frozen=True)
class Frames:
    """A padded batch of sequences of embeddings.

    Args:
        values: `(batch, frames, dim)`, floating point; padding is zero.
        lengths: `(batch,)`, int64, real frames of each sequence, 1 to `frames`.
    """

    values: Tensor
    lengths: Tensor

    @property
    def dim(self) -> int:
        """Width of one frame."""
        return self.values.shape[-1]

    def mask(self) -> Tensor:
        """Return `(batch, frames)` booleans, True on real frames."""
        positions = torch.arange(self.values.shape[1], device=self.values.device)
        return positions < self.lengths.to(self.values.device)[:, None]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Frames":
        """Return the same frames on `device`."""
        return Frames(
            self.values.to(device, non_blocking=non_blocking),
            self.lengths.to(device, non_blocking=non_blocking),
        )

    def pin_memory(self) -> "Frames":
        """Return the same frames in page-locked memory."""
        return Frames(self.values.pin_memory(), self.lengths.pin_memory())


@dataclass(frozen=True)
class EmotionBatch:
    """A batch of utterances: inputs and targets. Models read `frames` only; `audio` and `texts` feed live encoders.

    Args:
        rows: `(batch,)`, int64, the utterances' row numbers in the manifest.
        frames: encoder name → frames, from the cache; empty before live encoders ran.
        audio: one `(samples,)` float32 waveform at 16 kHz per utterance, or empty when frames come from the cache.
        texts: one transcript per utterance, or empty when frames come from the cache.
        category: `(batch,)`, int64, class index or `NO_CATEGORY`.
        votes: `(batch, classes)`, float32, each row a distribution over classes, or all NaN where unknown.
        attributes: `(batch, 3)`, float32, arousal, valence, dominance on 1–7, NaN where unknown.
    """

    rows: Tensor
    category: Tensor
    votes: Tensor
    attributes: Tensor
    frames: Mapping[str, Frames] = field(default_factory=dict)
    audio: tuple[Tensor, ...] = ()
    texts: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "EmotionBatch":
        """Return the same batch on `device`."""

        def move(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=non_blocking)

        return EmotionBatch(
            rows=move(self.rows),
            category=move(self.category),
            votes=move(self.votes),
            attributes=move(self.attributes),
            frames={name: frames.to(device, non_blocking) for name, frames in self.frames.items()},
            audio=tuple(move(waveform) for waveform in self.audio),
            texts=self.texts,
        )

    def pin_memory(self) -> "EmotionBatch":
        """Return the same batch in page-locked memory."""
        return EmotionBatch(
            rows=self.rows.pin_memory(),
            category=self.category.pin_memory(),
            votes=self.votes.pin_memory(),
            attributes=self.attributes.pin_memory(),
            frames={name: frames.pin_memory() for name, frames in self.frames.items()},
            audio=tuple(waveform.pin_memory() for waveform in self.audio),
            texts=self.texts,
        )


@dataclass(frozen=True)
class EmotionOutput:
    """The outputs of a model for a batch; a head it does not have is None.

    Args:
        logits: `(batch, classes)`, unnormalised scores in the label set's order.
        attributes: `(batch, 3)`, arousal, valence, dominance on 1–7.
        members: while an ensemble is trained, the outputs of each member, each of which has a loss of its own.
    """

    logits: Tensor | None
    attributes: Tensor | None
    members: tuple["EmotionOutput", ...] = ()

    def map(self, change: Callable[[Tensor], Tensor]) -> "EmotionOutput":
        """Return `change` of each head, without the members."""
        heads = (None if head is None else change(head) for head in (self.logits, self.attributes))
        return EmotionOutput(next(heads), next(heads))
