"""A system whose classes are called otherwise, several of them perhaps the same: for members of other label sets."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.errors import ConfigError
from vibespeaker.labels import LabelSet, label_set_in_order
from vibespeaker.provenance import EncoderProvenance
from vibespeaker.systems.base import System
from vibespeaker.systems.trained import class_positions


class Relabelled(nn.Module):
    """Answers as another system does, in other classes; see `System`.

    The probability of a class is the sum of those that are mapped to it: of `(batch, classes)` log-probabilities the
    logarithm of the sum of exponentials.

    Args:
        system: answers in all its classes, as it was opened.
        label_map: its class → the class it counts for; one that is not named keeps its name.
        name: what errors call it.

    Raises:
        ConfigError: the map names a class that the system does not have.
    """

    def __init__(self, system: System, label_map: Mapping[str, str], name: str = "the system") -> None:
        super().__init__()
        own = system.provenance.classes
        if unknown := [emotion for emotion in label_map if emotion not in own]:
            raise ConfigError(f"the label map of {name} names other classes", found=", ".join(unknown), allowed=own)
        self.system, self.label_map, self.name = system, dict(label_map), name
        called = [label_map.get(emotion, emotion) for emotion in own]
        self._labels = label_set_in_order(tuple(dict.fromkeys(called)))
        self._sources = [[i for i, name in enumerate(called) if name == one] for one in self._labels.classes]
        self._kept = list(range(len(self._labels)))
        self.provenance = replace(system.provenance, label_set=self._labels.name, classes=self._labels.classes)

    @property
    def heads(self) -> tuple[str, ...]:
        """Which outputs it has."""
        return self.system.heads

    @property
    def file(self) -> Path | None:
        """What the system was opened from; its calibration is for other classes."""
        return None

    @property
    def identity(self) -> str | None:
        """SHA-256 over the system and the map; None where the system's is not known."""
        if self.system.identity is None:
            return None
        return hashlib.sha256(json.dumps([self.system.identity, self.label_map], sort_keys=True).encode()).hexdigest()

    def prepare(self, frames: Mapping[str, EncoderProvenance] | None) -> Mapping[str, EncoderProvenance]:
        """Make the system ready; see `System`."""
        return self.system.prepare(frames)

    def restrict_classes(self, labels: LabelSet) -> None:
        """Answer in the classes and the order of `labels` from now on; see `System`."""
        self._kept = class_positions(self._labels, labels, self.name)
        self.provenance = replace(self.provenance, label_set=labels.name, classes=labels.classes)

    def answer(self, batch: EmotionBatch) -> EmotionOutput:
        """Return the system's answer, with the logarithms of the classes' probabilities for logits."""
        output = self.system.answer(batch)
        return output if output.logits is None else replace(output, logits=self._mapped(output.logits))

    def record(self, transcripts: Sequence[str]) -> dict[str, Any]:
        """Return the system's record, and the map."""
        return {**self.system.record(transcripts), "label_map": self.label_map}

    def _mapped(self, logits: Tensor) -> Tensor:
        shares = logits.log_softmax(-1)
        return torch.stack([shares[:, self._sources[kept]].logsumexp(1) for kept in self._kept], dim=1)
