"""Several systems as one: the table ensemble's weighted mean, computed while the members run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.ensemble.means import LEAST_PROBABILITY, check_weights, weighted_mean
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.labels import ATTRIBUTES, LabelSet
from vibespeaker.labels.heads import CATEGORIES_HEAD
from vibespeaker.labels.heads import HEADS as OUTPUTS
from vibespeaker.provenance import EncoderProvenance, Provenance
from vibespeaker.systems.base import System

#: What has weights of its own.
HEADS = (CATEGORIES_HEAD, *ATTRIBUTES)


class Ensemble(nn.Module):
    """The weighted mean of members, each attribute with weights of its own; see `System`.

    Categories are averaged as probabilities, in float64; the logits are the logarithms of the means. All answer in the
    classes of the member with the fewest. Further heads are left out.

    Args:
        members: name → system.
        weights: see `checked_weights`.
        paths: name → what the member was opened from, for the record.

    Raises:
        ConfigError: the weights do not fit the members.
        CheckpointError: a member lacks classes of another, or they were trained on audio cleaned in different ways.
    """

    def __init__(
        self,
        members: Mapping[str, System],
        weights: Mapping[str, Mapping[str, float]] | None = None,
        paths: Mapping[str, Path] | None = None,
    ) -> None:
        super().__init__()
        self.weights = checked_weights(members, weights)
        self.members: dict[str, System] = dict(members)
        # names may hold dots, which modules' names may not
        self._modules_of_members = nn.ModuleList(member for member in members.values() if isinstance(member, nn.Module))
        self._paths = {name: str((paths or {}).get(name, name)) for name in members}
        fewest = min(members.values(), key=lambda member: len(member.provenance.classes))
        self.provenance = _joined([member.provenance for member in members.values()])
        self.restrict_classes(fewest.provenance.labels)

    @property
    def heads(self) -> tuple[str, ...]:
        """Which outputs it has: categories and attributes where a member has them."""
        return tuple(head for head in OUTPUTS if any(head in member.heads for member in self.members.values()))

    @property
    def identity(self) -> None:
        """An ensemble is no single file."""
        return

    def prepare(self, frames: Mapping[str, EncoderProvenance] | None) -> None:
        """Make every member ready; see `System`."""
        for member in self.members.values():
            member.prepare(frames)

    def restrict_classes(self, labels: LabelSet) -> None:
        """Let every member answer in the classes and the order of `labels`; see `System`."""
        for member in self.members.values():
            member.restrict_classes(labels)
        self.provenance = replace(self.provenance, label_set=labels.name, classes=labels.classes)

    def answer(self, batch: EmotionBatch) -> EmotionOutput:
        """Return the weighted means of the members' answers."""
        outputs = {name: member.answer(batch) for name, member in self.members.items()}
        logits = {name: output.logits for name, output in outputs.items() if output.logits is not None}
        attributes = {name: output.attributes for name, output in outputs.items() if output.attributes is not None}
        mean = None
        if logits:
            probabilities = {name: values.double().softmax(1) for name, values in logits.items()}
            mean = self._mean(CATEGORIES_HEAD, probabilities).clamp(min=LEAST_PROBABILITY).log()
        columns = [
            self._mean(head, {name: values[:, column].double() for name, values in attributes.items()})
            for column, head in enumerate(ATTRIBUTES)
            if attributes
        ]
        return EmotionOutput(mean, torch.stack(columns, dim=1) if columns else None)

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

    def _mean(self, head: str, values: dict[str, Tensor]) -> Tensor:
        """Return the mean over the members that have the head."""
        shares = {name: share for name, share in self.weights[head].items() if name in values and share > 0}
        if not shares:
            raise ConfigError(f"no ensemble member that weighs for {head} has that head", found=self.weights[head])
        return weighted_mean([values[name] for name in shares], [*shares.values()])


def checked_weights(
    members: Mapping[str, object], weights: Mapping[str, Mapping[str, float]] | None
) -> dict[str, dict[str, float]]:
    """Return the weights of every head.

    Args:
        members: by name, at least one.
        weights: head (`categories`, `arousal`, `valence`, `dominance`) → member → weight, relative to the others; a
            head that is not named weighs all members alike.

    Raises:
        ConfigError: there is no member, or a weight names no head or no member, is negative, or a head's are all 0.
    """
    if not members:
        raise ConfigError("an ensemble needs members", remedy="name checkpoints in model.init_args.members")
    complete = {head: dict.fromkeys(members, 1.0) for head in HEADS}
    for head, shares in (weights or {}).items():
        unknown = [name for name in shares if name not in members]
        if head not in HEADS or unknown:
            raise ConfigError(
                "weights of an ensemble go by head and by member",
                found=", ".join(unknown) or head,
                allowed=members if unknown else HEADS,
            )
        check_weights([*shares.values()], head)
        complete[head] = dict(shares)
    return complete


def _joined(members: list[Provenance]) -> Provenance:
    """Return what all members together were trained on."""
    first = members[0]
    if any(member.cleaning != first.cleaning for member in members):
        raise CheckpointError(
            "members of an ensemble were trained on audio that was cleaned in different ways",
            found=[member.cleaning for member in members],
            remedy="combine their prediction tables with vibespeaker ensemble",
        )
    leaks: dict[str, str] = {}
    for kind, text in (item for member in members for item in member.leaks.items()):
        leaks[kind] = text if leaks.get(kind, text) == text else f"{leaks[kind]}; {text}"
    return replace(
        first,
        encoders={name: encoder for member in members for name, encoder in member.encoders.items()},
        manifest=first.manifest if len({member.manifest for member in members}) == 1 else None,
        cache=first.cache if len({member.cache for member in members}) == 1 else None,
        plan=first.plan if len({member.plan for member in members}) == 1 else None,
        corpora=tuple(sorted({corpus for member in members for corpus in member.corpora})),
        transcripts=tuple(sorted({origin for member in members for origin in member.transcripts})),
        synthetic=any(member.synthetic for member in members),
        leaks=leaks,
        heads={},
    )
