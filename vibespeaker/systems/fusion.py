"""Late fusion while members run: by the rule that combines their prediction tables, see `ensemble.fusion`."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.calibration.store import Calibration
from vibespeaker.ensemble.combiners import Weighted
from vibespeaker.ensemble.fusion import FusionFile, mapped_classes, member_weights, only, union, widened
from vibespeaker.ensemble.gate import Gate
from vibespeaker.ensemble.means import LEAST_PROBABILITY
from vibespeaker.ensemble.stack import Stack
from vibespeaker.errors import ConfigError, PredictionsError
from vibespeaker.labels import ATTRIBUTES, LabelSet, label_set
from vibespeaker.labels.heads import ATTRIBUTES_HEAD, CATEGORIES_HEAD
from vibespeaker.metrics import softmax
from vibespeaker.provenance import EncoderProvenance
from vibespeaker.systems.base import System, modality_of
from vibespeaker.systems.beside import calibration_of
from vibespeaker.systems.fused_members import FusedMember, joined_members
from vibespeaker.systems.joining import joined
from vibespeaker.systems.trained import class_positions

Floats = npt.NDArray[np.float64]


class Fusion(nn.Module):
    """Members of any label sets and modalities as one; see `System`.

    Categories are the members' weighted mean over the union of their classes, in float64, and attributes the mean of
    the members that have them. Members of words alone count for nothing where nothing was said, unless there is no
    other. Further heads are left out.

    Args:
        members: name → member.
        labels: the union of their classes.
        combiners: head → what combines the members' answers; heads that no member has are missing.
        settings: what else decides the answers, plain values.
        file: what it was opened from.
    """

    def __init__(
        self,
        members: Mapping[str, FusedMember],
        labels: LabelSet,
        combiners: Mapping[str, Weighted | Gate],
        settings: Mapping[str, Any],
        file: Path | None = None,
    ) -> None:
        super().__init__()
        self.members = dict(members)
        together = joined({name: member.system.provenance for name, member in members.items()})
        self.provenance = replace(together, label_set=labels.name, classes=labels.classes, heads={})
        self.labels, self.combiners, self.settings, self.file = labels, dict(combiners), dict(settings), file
        systems = [member.system for member in members.values()]
        self._modules_of_members = nn.ModuleList(system for system in systems if isinstance(system, nn.Module))

    @property
    def heads(self) -> tuple[str, ...]:
        """Which outputs it has."""
        attributes = any(name in self.combiners for name in ATTRIBUTES)
        own = {CATEGORIES_HEAD: CATEGORIES_HEAD in self.combiners, ATTRIBUTES_HEAD: attributes}
        return tuple(head for head, has in own.items() if has)

    @property
    def identity(self) -> str | None:
        """SHA-256 over members, maps, calibrations and what combines them; None where that of a member is not known."""
        members = {name: member.system.identity for name, member in self.members.items()}
        if None in members.values():
            return None
        called = {name: list(member.called) for name, member in self.members.items()}
        fitted = {
            name: None if member.calibration is None else member.calibration.to_json()
            for name, member in self.members.items()
        }
        parts = [members, called, fitted, self.settings]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def member_classes(self) -> tuple[str, ...]:
        """The union of the members' classes."""
        return self.labels.classes

    def prepare(self, frames: Mapping[str, EncoderProvenance] | None) -> Mapping[str, EncoderProvenance]:
        """Make every member ready; see `System`.

        Encoders of members of words are among those that run inside even where their frames are given, so that batches
        hold the texts: whether anything was said decides what the members count for.
        """
        made: dict[str, EncoderProvenance] = {}
        for member in self.members.values():
            made |= member.system.prepare(frames)
        for member in self.members.values():
            if member.texts and frames is not None:
                made = {**member.system.provenance.encoders, **made}
        return made

    def restrict_classes(self, labels: LabelSet) -> None:
        """Answer in the classes and the order of `labels` from now on; see `System`."""
        class_positions(self.labels, labels, "the fusion" if self.file is None else str(self.file))
        self.provenance = replace(self.provenance, label_set=labels.name, classes=labels.classes)

    def answer(self, batch: EmotionBatch) -> EmotionOutput:
        """Return the fused answer: logits are the logarithms of the fused probabilities."""
        return self.fused(batch, self.member_answers(batch))

    def member_answers(self, batch: EmotionBatch) -> dict[str, EmotionOutput]:
        """Return what each member says, calibrated: logarithms of its probabilities over `labels`, and attributes."""
        return {name: self._said(member, member.system.answer(batch)) for name, member in self.members.items()}

    def fused(self, batch: EmotionBatch, answers: Mapping[str, EmotionOutput]) -> EmotionOutput:
        """Return the fused answer from what `member_answers` returned for the batch."""
        stack = self.stack(batch, answers)
        device = next(iter(answers.values())).tensors()[0].device
        logits = attributes = None
        if CATEGORIES_HEAD in self.combiners:
            shares = only(self.combiners[CATEGORIES_HEAD].apply(stack), self.labels, self.provenance.labels)
            logits = torch.from_numpy(np.log(np.maximum(shares, LEAST_PROBABILITY))).to(device)
        columns = [self.combiners[name].apply(stack)[:, 0] for name in ATTRIBUTES if name in self.combiners]
        if columns:
            attributes = torch.from_numpy(np.stack(columns, axis=1)).to(device)
        return EmotionOutput(logits, attributes)

    def shares(self, batch: EmotionBatch, answers: Mapping[str, EmotionOutput]) -> dict[str, list[float]]:
        """Return member → what it counts for in the categories of each utterance; empty without categories."""
        combiner = self.combiners.get(CATEGORIES_HEAD)
        if combiner is None:
            return {}
        rows = combiner.shares(self.stack(batch, answers))
        return dict(zip(self.members, rows.tolist(), strict=True))

    def stack(self, batch: EmotionBatch, answers: Mapping[str, EmotionOutput]) -> Stack:
        """Return the members' answers side by side, and which of them had nothing to go by."""
        size = len(batch)
        probabilities = np.full((len(answers), size, len(self.labels)), np.nan)
        attributes = np.full((len(answers), size, len(ATTRIBUTES)), np.nan)
        for number, output in enumerate(answers.values()):
            if output.logits is not None:
                probabilities[number] = np.exp(_array(output.logits))
            if output.attributes is not None:
                attributes[number] = _array(output.attributes)
        silent = np.array([_silent(member.texts, batch, size) for member in self.members.values()], np.bool_)
        return Stack(tuple(answers), probabilities, attributes, silent=silent if silent.any() else None)

    def record(self, transcripts: Sequence[str]) -> dict[str, Any]:
        """Return the members with what each was trained on, and what combines them."""
        members = [
            {
                "name": name,
                "path": member.path,
                "kind": "checkpoint",
                "provenance": {
                    **member.system.record(transcripts),
                    "label_map": dict(zip(member.system.provenance.classes, member.called, strict=True)),
                },
            }
            for name, member in self.members.items()
        ]
        return {"ensemble": {"members": members, **self.settings}}

    def _said(self, member: FusedMember, output: EmotionOutput) -> EmotionOutput:
        logits = None if output.logits is None else _array(output.logits)
        attributes = None if output.attributes is None else _array(output.attributes)
        if member.calibration is not None:
            logits = None if logits is None else member.calibration.logits(logits)
            attributes = None if attributes is None else member.calibration.values(attributes)
        device = output.tensors()[0].device
        told = None
        if logits is not None:
            shares = np.maximum(widened(softmax(logits), member.called, self.labels), LEAST_PROBABILITY)
            told = torch.from_numpy(np.log(shares)).to(device)
        return EmotionOutput(told, None if attributes is None else torch.from_numpy(attributes).to(device))


def open_fusion(path: Path, file: FusionFile, members: Mapping[str, tuple[System, str]]) -> Fusion:
    """Join opened members as a file says.

    Args:
        path: the file.
        file: what it says.
        members: name → system, and what it was opened from.

    Raises:
        ConfigError: weights or maps do not fit the members.
        PredictionsError: a calibration or the gate is missing or belongs to other members.
    """
    systems = {name: system for name, (system, _) in members.items()}
    categorical = {
        name: system.provenance.labels for name, system in systems.items() if CATEGORIES_HEAD in system.heads
    }
    labels = union(categorical or {n: s.provenance.labels for n, s in systems.items()}, file.label_maps or {})
    weights = member_weights(file, {name: modality_of(system) for name, system in systems.items()})
    fused = {}
    for name, (system, reference) in members.items():
        classes = system.provenance.labels
        called = mapped_classes(name, classes, file.map_of(name)) if name in categorical else list(labels.classes)
        calibration = _calibration(name, system, file, path, needed=name in categorical)
        fused[name] = FusedMember(system, called, calibration, reference)
    gate = None if file.gate is None else path.parent / file.gate
    combiners, settings = joined_members(fused, labels, file.fusion, weights, path, gate)
    fusion = Fusion(fused, labels, combiners, settings, path)
    if file.labels is not None:
        fusion.restrict_classes(label_set(file.labels))
    return fusion


def _calibration(name: str, system: System, file: FusionFile, path: Path, needed: bool) -> Calibration | None:
    """Return the calibration that the file names for a member, else the one that the member comes with."""
    given = (file.calibrations or {}).get(name)
    if given is not None:
        calibration = Calibration.read(path.parent / given)
        if calibration.classes != system.provenance.classes:
            raise PredictionsError(
                f"the calibration of member {name} is for other classes",
                found=calibration.classes,
                allowed=system.provenance.classes,
            )
        return calibration
    found = calibration_of(system)
    if found is None and file.fusion == "confidence" and needed:
        raise ConfigError(
            f"member {name} of {path} is weighted by its confidence, but it comes without a calibration",
            remedy=f"name a file of vibespeaker calibrate under calibrations.{name}, or take fusion: weighted",
        )
    return found


def _silent(texts: Sequence[str | None], batch: EmotionBatch, size: int) -> list[bool]:
    """Return for each utterance whether a member of words had none; one that hears always has something."""
    read = [batch.texts if name is None else batch.named_texts.get(name, ()) for name in texts]
    known = [own for own in read if own]
    if not known:
        return [False] * size
    return [not any(own[row].strip() for own in known) for row in range(size)]


def _array(values: Tensor) -> Floats:
    array: Floats = values.detach().double().cpu().numpy()
    return array
