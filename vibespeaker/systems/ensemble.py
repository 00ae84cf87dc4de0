"""Several systems as one: the table ensemble's weighted mean, computed while the members run."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.ensemble.means import LEAST_PROBABILITY, check_weights, weighted_mean
from vibespeaker.errors import ConfigError
from vibespeaker.labels import ATTRIBUTES, LabelSet
from vibespeaker.labels.heads import CATEGORIES_HEAD, Kind
from vibespeaker.labels.heads import HEADS as OUTPUTS
from vibespeaker.provenance import EncoderProvenance
from vibespeaker.systems.base import System
from vibespeaker.systems.joining import joined

#: What has weights of its own, beside further heads.
HEADS = (CATEGORIES_HEAD, *ATTRIBUTES)


class Ensemble(nn.Module):
    """The weighted mean of members, each attribute and further head with weights of its own; see `System`.

    Categories and classes of further heads are averaged as probabilities, in float64; the logits are the logarithms of
    the means. A head that some members lack is the mean of the others.

    Args:
        members: name → system.
        weights: see `checked_weights`.
        paths: name → what the member was opened from, for the record.
        labels: what to answer in; by default the classes of the member with the fewest.
        file: what the ensemble was opened from.

    Raises:
        ConfigError: the weights do not fit the members.
        CheckpointError: a member lacks classes of the others, or they were trained on audio cleaned in different ways.
    """

    def __init__(
        self,
        members: Mapping[str, System],
        weights: Mapping[str, Mapping[str, float]] | None = None,
        paths: Mapping[str, Path] | None = None,
        labels: LabelSet | None = None,
        file: Path | None = None,
    ) -> None:
        super().__init__()
        checked_weights(members, weights)
        self.provenance = joined({name: member.provenance for name, member in members.items()})
        self.weights = checked_weights(members, weights, self.provenance.heads)
        self.members: dict[str, System] = dict(members)
        self.file = file
        # names may hold dots, which modules' names may not
        self._modules_of_members = nn.ModuleList(member for member in members.values() if isinstance(member, nn.Module))
        self._paths = {name: str((paths or {}).get(name, name)) for name in members}
        fewest = min(members.values(), key=lambda member: len(member.provenance.classes))
        self.restrict_classes(labels or fewest.provenance.labels)

    @property
    def heads(self) -> tuple[str, ...]:
        """Which outputs it has: categories and attributes where a member has them, and the shared further heads."""
        usual = (head for head in OUTPUTS if any(head in member.heads for member in self.members.values()))
        return (*usual, *self.provenance.heads)

    @property
    def identity(self) -> str | None:
        """SHA-256 over members and weights; None where that of a member is not known."""
        members = {name: member.identity for name, member in self.members.items()}
        if None in members.values():
            return None
        return hashlib.sha256(json.dumps([members, self.weights], sort_keys=True).encode()).hexdigest()

    def prepare(self, frames: Mapping[str, EncoderProvenance] | None) -> Mapping[str, EncoderProvenance]:
        """Make every member ready; see `System`."""
        made = [member.prepare(frames) for member in self.members.values()]
        return {name: encoder for encoders in made for name, encoder in encoders.items()}

    def restrict_classes(self, labels: LabelSet) -> None:
        """Let every member answer in the classes and the order of `labels`; see `System`."""
        for member in self.members.values():
            member.restrict_classes(labels)
        self.provenance = replace(self.provenance, label_set=labels.name, classes=labels.classes)

    @property
    def member_classes(self) -> tuple[str, ...]:
        """The classes that all members answer in."""
        return self.provenance.classes

    def answer(self, batch: EmotionBatch) -> EmotionOutput:
        """Return the weighted means of the members' answers."""
        return self.fused(batch, self.member_answers(batch))

    def member_answers(self, batch: EmotionBatch) -> dict[str, EmotionOutput]:
        """Return member → its answer."""
        return {name: member.answer(batch) for name, member in self.members.items()}

    def shares(self, batch: EmotionBatch, answers: Mapping[str, EmotionOutput]) -> dict[str, list[float]]:
        """Return member → what it counts for in the categories, the same for each utterance; see `Joint`."""
        having = [name for name, output in answers.items() if output.logits is not None]
        weights = {name: self.weights[CATEGORIES_HEAD].get(name, 0.0) for name in having}
        total = sum(weights.values())
        return {name: [weight / total] * len(batch) for name, weight in weights.items()} if total else {}

    def fused(self, batch: EmotionBatch, answers: Mapping[str, EmotionOutput]) -> EmotionOutput:
        """Return the weighted means of answers that `member_answers` returned for the batch."""
        logits = {name: output.logits for name, output in answers.items() if output.logits is not None}
        attributes = {name: output.attributes for name, output in answers.items() if output.attributes is not None}
        columns = [
            self._mean(head, {name: values[:, column] for name, values in attributes.items()}, "regression")
            for column, head in enumerate(ATTRIBUTES)
            if attributes
        ]
        heads = {
            head: self._mean(head, {n: o.heads[head] for n, o in answers.items() if head in o.heads}, spec.kind)
            for head, spec in self.provenance.heads.items()
        }
        return EmotionOutput(
            self._mean(CATEGORIES_HEAD, logits, "classification") if logits else None,
            torch.stack(columns, dim=1) if columns else None,
            heads=heads,
        )

    def record(self, transcripts: Sequence[str]) -> dict[str, Any]:
        """Return the members with what each was trained on, and their weights."""
        members = [
            {
                "name": name,
                "path": self._paths[name],
                "kind": "checkpoint",
                "provenance": member.record(transcripts),
            }
            for name, member in self.members.items()
        ]
        return {"ensemble": {"members": members, "weights": self.weights}}

    def _mean(self, head: str, values: Mapping[str, Tensor], kind: Kind) -> Tensor:
        """Return the mean over the members that have the head, in float64.

        Args:
            head: whose weights count.
            values: member → `(batch, outputs)`, or `(batch,)` of one attribute.
            kind: classes are averaged as probabilities, values as they are.
        """
        shares = {name: share for name, share in self.weights[head].items() if name in values and share > 0}
        if not shares:
            raise ConfigError(f"no ensemble member that weighs for {head} has that head", found=self.weights[head])
        chosen, weights = [values[name].double() for name in shares], [*shares.values()]
        return mean_answer(kind, chosen, weights)


def mean_answer(kind: Kind, answers: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Return the weighted mean of several answers of a head.

    Args:
        kind: classes are averaged as probabilities, whose logarithms (or logits, of several labels) come out; values as
            they are.
        answers: `(batch, outputs)` each, logits or values.
        weights: one for each, see `check_weights`.
    """
    if kind == "regression":
        return weighted_mean(answers, weights)
    if kind == "multilabel":
        probability = weighted_mean([logits.sigmoid() for logits in answers], weights)
        return probability.clamp(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY).logit()
    return weighted_mean([logits.softmax(-1) for logits in answers], weights).clamp(min=LEAST_PROBABILITY).log()


def checked_weights(
    members: Iterable[str],
    weights: Mapping[str, Mapping[str, float]] | None,
    further: Iterable[str] | None = None,
) -> dict[str, dict[str, float]]:
    """Return the weights of every head.

    Args:
        members: their names, at least one.
        weights: head (`categories`, `arousal`, `valence`, `dominance`, or a further one) → member → weight, relative to
            the others; a head that is not named weighs all members alike.
        further: the further heads that members share; None where that is not known yet, so that any may be named.

    Raises:
        ConfigError: there is no member, or a weight names no head or no member, is negative, or a head's are all 0.
    """
    names = [*members]
    if not names:
        raise ConfigError("an ensemble needs members", remedy="name them under members, such as a: runs/a")
    known = (*HEADS, *(weights or {} if further is None else further))
    complete = {head: dict.fromkeys(names, 1.0) for head in known}
    for head, shares in (weights or {}).items():
        unknown = [name for name in shares if name not in names]
        if head not in known or unknown:
            raise ConfigError(
                "weights of an ensemble go by head and by member",
                found=", ".join(unknown) or head,
                allowed=names if unknown else known,
            )
        check_weights([*shares.values()], head)
        complete[head] = dict(shares)
    return complete
