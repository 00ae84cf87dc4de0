"""Members of a late fusion, and what combines their answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vibespeaker.calibration.store import Calibration
from vibespeaker.ensemble.combiners import Weighted
from vibespeaker.ensemble.gate import Gate, read_gate
from vibespeaker.ensemble.stack import HEADS
from vibespeaker.errors import ConfigError
from vibespeaker.files import file_sha256
from vibespeaker.labels import LabelSet
from vibespeaker.labels.heads import ATTRIBUTES_HEAD, CATEGORIES_HEAD
from vibespeaker.provenance import texts_read
from vibespeaker.systems.base import System, modality_of


@dataclass(frozen=True, eq=False)
class FusedMember:
    """A member of a fusion.

    Args:
        system: answers in all its classes, as it was opened.
        called: what each of its classes counts for, see `ensemble.fusion.mapped_classes`.
        calibration: applied to its answers; null to leave them.
        path: what it was opened from, for the record.
    """

    system: System
    called: Sequence[str | None]
    calibration: Calibration | None
    path: str

    @property
    def texts(self) -> tuple[str | None, ...]:
        """Names of the texts that it goes by where it goes by words alone; none of others."""
        return texts_read(self.system.provenance.encoders) if modality_of(self.system) == "text" else ()


def joined_members(
    members: Mapping[str, FusedMember],
    labels: LabelSet,
    rule: str,
    weights: Mapping[str, float],
    source: object,
    gate: Path | None,
) -> tuple[dict[str, Weighted | Gate], dict[str, Any]]:
    """Return head → what combines the members' answers, and the plain values that else decide the fusion's answers.

    Args:
        members: name → member.
        labels: the union of their classes.
        rule: `weighted` or `confidence`.
        weights: of the members.
        source: what errors call the fusion.
        gate: file of a gate, in place of the weights; null for none.

    Raises:
        ConfigError: no member that has a head weighs anything.
        PredictionsError: the gate is missing or belongs to other members.
    """
    combiners: dict[str, Weighted | Gate] = {}
    for head in HEADS:
        having = [_has(member.system, head) for member in members.values()]
        shares = [weight if has else 0.0 for weight, has in zip(weights.values(), having, strict=True)]
        if any(having) and not any(shares):
            raise ConfigError(f"no member of {source} that has {head} weighs anything", found=dict(weights))
        if any(having):
            combiners[head] = Weighted(head, tuple(members), tuple(shares), by_confidence=rule == "confidence")
    settings: dict[str, Any] = {"fusion": rule, "weights": dict(weights)}
    if gate is not None:
        combiners[CATEGORIES_HEAD] = read_gate(gate, {name: name for name in members}, len(labels))
        settings["gate_sha256"] = file_sha256(gate)
    return combiners, settings


def _has(system: System, head: str) -> bool:
    return (CATEGORIES_HEAD if head == CATEGORIES_HEAD else ATTRIBUTES_HEAD) in system.heads
