"""What every system is: an answer to a batch, and what must be known of it to use and to judge the answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.ensemble.fusion import Modality, joint_modality
from vibespeaker.errors import PredictionsError
from vibespeaker.labels import LabelSet
from vibespeaker.labels.heads import ATTRIBUTES_HEAD, CATEGORIES_HEAD
from vibespeaker.provenance import EncoderProvenance, Provenance


@runtime_checkable
class System(Protocol):
    """Recognises emotions in a batch, from audio and texts or from frames of known fingerprints.

    A system that holds weights is a `torch.nn.Module`, too, so that it moves between devices.

    Attributes:
        provenance: what it was trained on: its label set, data, transcripts, and the encoders that it reads, with
            modality, fingerprint, and whether they were trained.
        heads: which outputs it has.
        file: what it was opened from, beside which its calibration may lie; None where there is no single file.
        identity: SHA-256 that changes with its answers: of a checkpoint's bytes, or of an ensemble's members and
            weights. Predictions and calibrations are known by it; None where it is not known.
    """

    @property
    def provenance(self) -> Provenance:
        """What it was trained on."""
        ...

    @property
    def heads(self) -> tuple[str, ...]:
        """Which outputs it has: those of `heads.HEADS`, then further ones."""
        ...

    @property
    def file(self) -> Path | None:
        """What it was opened from."""
        ...

    @property
    def identity(self) -> str | None:
        """SHA-256 that changes with its answers."""
        ...

    def prepare(self, frames: Mapping[str, EncoderProvenance] | None) -> Mapping[str, EncoderProvenance]:
        """Make ready for batches, once, before the first answer; what is missing is loaded.

        Args:
            frames: encoder name → encoder of the frames that batches will hold; None where they hold audio and texts.

        Returns:
            The encoders that run inside, and so need audio or texts: all without frames; those that were trained, and
            those that ran inside in training, too, where their frames are not given.

        Raises:
            CheckpointError: the frames are not of the encoders that the system was trained with, or encoders that can
                be built are not.
            EncoderError: an encoder cannot be had.
        """
        ...

    def restrict_classes(self, labels: LabelSet) -> None:
        """Answer in the classes and the order of `labels` from now on; other classes' logits are dropped.

        Raises:
            CheckpointError: a class was not trained.
        """
        ...

    def answer(self, batch: EmotionBatch) -> EmotionOutput:
        """Return logits `(batch, classes)` in the order of the provenance's classes, attributes, and further heads.

        Raises:
            PredictionsError: an output is not finite.
        """
        ...

    def record(self, transcripts: Sequence[str]) -> dict[str, Any]:
        """Return what a prediction table keeps of the system, plain values, for whoever judges it by its ingredients.

        Args:
            transcripts: origins of the texts that it read.
        """
        ...


@runtime_checkable
class Joint(Protocol):
    """A system of several members that can show what each of them says."""

    def member_answers(self, batch: EmotionBatch) -> dict[str, EmotionOutput]:
        """Return member → its answer, with logits in classes that all members share."""
        ...

    def fused(self, batch: EmotionBatch, answers: Mapping[str, EmotionOutput]) -> EmotionOutput:
        """Return the answer of all, from what `member_answers` returned for the batch."""
        ...

    def shares(self, batch: EmotionBatch, answers: Mapping[str, EmotionOutput]) -> dict[str, list[float]]:
        """Return member → what it counts for in the categories of each utterance, 0 to 1; empty without categories."""
        ...

    @property
    def member_classes(self) -> tuple[str, ...]:
        """The classes of the members' logits, in order."""
        ...


def modality_of(system: System) -> Modality:
    """Return what a system goes by, as its encoders say: `audio` where it has none."""
    return joint_modality([encoder.modality for encoder in system.provenance.encoders.values()])


def reads_text(system: System) -> bool:
    """Return True when an encoder of the system reads transcripts."""
    return any(encoder.modality == "text" for encoder in system.provenance.encoders.values())


def finite(output: EmotionOutput, name: str) -> EmotionOutput:
    """Return `output` if all of it is finite.

    Args:
        output: of a whole batch.
        name: what errors call the system.

    Raises:
        PredictionsError: naming the head; a number that is not finite is never an answer.
    """
    heads = {CATEGORIES_HEAD: output.logits, ATTRIBUTES_HEAD: output.attributes, **output.heads}
    for head, values in heads.items():
        if values is not None and not bool(torch.isfinite(values).all()):
            raise PredictionsError(
                f"{name} gives {head} that are not finite",
                remedy="its weights are damaged, or training diverged: train again",
            )
    return output
