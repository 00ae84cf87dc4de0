"""The contract of encoders, cache, data, models and tasks: frames, batches of utterances, model outputs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vibespeaker.labels import NO_CATEGORY as NO_CATEGORY


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
        named_texts: the same of further recognisers, by the name of their texts.
        category: `(batch,)`, int64, class index or `NO_CATEGORY`.
        votes: `(batch, classes)`, float32, each row a distribution over classes, or all NaN where unknown.
        attributes: `(batch, 3)`, float32, arousal, valence, dominance on 1–7, NaN where unknown.
        targets: further head → its targets. Classification: `(batch,)`, int64, class index or `NO_CATEGORY`;
            multilabel: `(batch, classes)`, float32, 0 or 1, a row of NaN where unknown; regression: `(batch, 1)`,
            float32, NaN where unknown.
    """

    rows: Tensor
    category: Tensor
    votes: Tensor
    attributes: Tensor
    frames: Mapping[str, Frames] = field(default_factory=dict)
    audio: tuple[Tensor, ...] = ()
    texts: tuple[str, ...] = ()
    targets: Mapping[str, Tensor] = field(default_factory=dict)
    named_texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    @staticmethod
    def of_inputs(audio: tuple[Tensor, ...], texts: tuple[str, ...]) -> "EmotionBatch":
        """Return a batch whose truth is unknown, of as many waveforms as texts; its rows count from 0."""
        size = len(audio)
        unknown = torch.full((size, 3), float("nan"))
        return EmotionBatch(
            rows=torch.arange(size),
            category=torch.full((size,), NO_CATEGORY),
            votes=torch.zeros(size, 0),
            attributes=unknown,
            audio=audio,
            texts=texts,
        )

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
            targets={name: move(target) for name, target in self.targets.items()},
            named_texts=self.named_texts,
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
            targets={name: target.pin_memory() for name, target in self.targets.items()},
            named_texts=self.named_texts,
        )

    def truth(self) -> "EmotionBatch":
        """Return rows and targets, without inputs."""
        return EmotionBatch(self.rows, self.category, self.votes, self.attributes, targets=self.targets)

    def select(self, at: Tensor | slice) -> "EmotionBatch":
        """Return rows and targets of the utterances at positions `at`, without inputs."""
        return EmotionBatch(
            self.rows[at],
            self.category[at],
            self.votes[at],
            self.attributes[at],
            targets={name: target[at] for name, target in self.targets.items()},
        )

    @staticmethod
    def join(batches: "Sequence[EmotionBatch]") -> "EmotionBatch":
        """Return rows and targets of all batches, at least one, without inputs; all have the same further targets."""
        return EmotionBatch(
            torch.cat([batch.rows for batch in batches]),
            torch.cat([batch.category for batch in batches]),
            torch.cat([batch.votes for batch in batches]),
            torch.cat([batch.attributes for batch in batches]),
            targets={name: torch.cat([batch.targets[name] for batch in batches]) for name in batches[0].targets},
        )


@dataclass(frozen=True)
class EmotionOutput:
    """The outputs of a model for a batch; a head it does not have is None.

    Args:
        logits: `(batch, classes)`, unnormalised scores in the label set's order.
        attributes: `(batch, 3)`, arousal, valence, dominance on 1–7.
        members: while an ensemble is trained, the outputs of each member, each of which has a loss of its own.
        heads: further head → `(batch, outputs)`: logits of its classes, or one value.
    """

    logits: Tensor | None
    attributes: Tensor | None
    members: tuple["EmotionOutput", ...] = ()
    heads: Mapping[str, Tensor] = field(default_factory=dict)

    def tensors(self) -> tuple[Tensor, ...]:
        """Return the outputs of all heads there are: logits, attributes, further heads."""
        return (*(head for head in (self.logits, self.attributes) if head is not None), *self.heads.values())

    def map(self, change: Callable[[Tensor], Tensor]) -> "EmotionOutput":
        """Return `change` of each head, without the members."""
        return EmotionOutput(
            None if self.logits is None else change(self.logits),
            None if self.attributes is None else change(self.attributes),
            heads={name: change(head) for name, head in self.heads.items()},
        )

    @staticmethod
    def combine(outputs: "Sequence[EmotionOutput]", how: Callable[[list[Tensor]], Tensor]) -> "EmotionOutput":
        """Return each head of several outputs, all with the same heads, as one tensor.

        Args:
            outputs: at least one.
            how: such as `torch.cat`, from one head of all outputs to that head of the result.
        """

        def combined(heads: list[Tensor | None]) -> Tensor | None:
            present = [head for head in heads if head is not None]
            return how(present) if present else None

        return EmotionOutput(
            combined([output.logits for output in outputs]),
            combined([output.attributes for output in outputs]),
            heads={name: how([output.heads[name] for output in outputs]) for name in outputs[0].heads},
        )
