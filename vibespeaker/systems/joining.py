"""What several systems have in common, and what they were trained on together."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from vibespeaker.errors import CheckpointError
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.provenance import EncoderProvenance, Provenance

log = logging.getLogger(__name__)


def joined(members: Mapping[str, Provenance]) -> Provenance:
    """Return what all members together were trained on, in the classes of the first.

    An encoder that members share stands there once. Where one name stands for encoders that answer differently, the
    first member keeps it, and the others' stand there as `MEMBER.NAME`.

    Args:
        members: name → provenance, at least one.

    Raises:
        CheckpointError: they were trained on audio cleaned in different ways.
    """
    parts = list(members.values())
    first = parts[0]
    if any(part.cleaning != first.cleaning for part in parts):
        raise CheckpointError(
            "members of an ensemble were trained on audio that was cleaned in different ways",
            found=[part.cleaning for part in parts],
            remedy="combine their prediction tables with vibespeaker ensemble",
        )
    leaks: dict[str, str] = {}
    for kind, text in (item for part in parts for item in part.leaks.items()):
        leaks[kind] = text if leaks.get(kind, text) == text else f"{leaks[kind]}; {text}"
    trained = [part.trained_heads for part in parts]
    return replace(
        first,
        encoders=_encoders(members),
        manifest=first.manifest if len({part.manifest for part in parts}) == 1 else None,
        cache=first.cache if len({part.cache for part in parts}) == 1 else None,
        plan=first.plan if len({part.plan for part in parts}) == 1 else None,
        corpora=tuple(sorted({corpus for part in parts for corpus in part.corpora})),
        transcripts=tuple(sorted({origin for part in parts for origin in part.transcripts})),
        synthetic=any(part.synthetic for part in parts),
        leaks=leaks,
        heads=shared_heads({name: part.heads for name, part in members.items()}),
        trained_heads=None if None in trained else tuple(sorted({head for heads in trained for head in heads or ()})),
    )


def shared_heads(members: Mapping[str, Mapping[str, HeadSpec]]) -> dict[str, HeadSpec]:
    """Return the further heads that are averaged: those that mean the same wherever a member has them.

    Where the truth is read is the first member's choice. Heads that members have in different ways are left out, and
    heads that some members lack are averaged over the others; both are said.

    Args:
        members: name → its further heads.
    """
    having: dict[str, dict[str, HeadSpec]] = {}
    for member, heads in members.items():
        for head, spec in heads.items():
            having.setdefault(head, {})[member] = spec
    shared = {}
    for head, specs in having.items():
        first, *others = specs.values()
        if any(_meaning(spec) != _meaning(first) for spec in others):
            found = "; ".join(f"{member}: {_meaning(spec)}" for member, spec in specs.items())
            log.warning("the head %s is left out, since members do not mean the same by it: %s", head, found)
            continue
        if len(specs) < len(members):
            log.warning("the head %s is that of %s alone, since other members lack it", head, ", ".join(specs))
        shared[head] = first
    return shared


def _meaning(spec: HeadSpec) -> tuple[object, ...]:
    """Return what two heads must have in common to be averaged, output by output."""
    return spec.kind, spec.classes, spec.low, spec.high


def _encoders(members: Mapping[str, Provenance]) -> dict[str, EncoderProvenance]:
    found: dict[str, EncoderProvenance] = {}
    for member, part in members.items():
        for name, encoder in part.encoders.items():
            if not _is_same(found.setdefault(name, encoder), encoder):
                found[f"{member}.{name}"] = encoder
    return found


def _is_same(one: EncoderProvenance, other: EncoderProvenance) -> bool:
    """Return whether two encoders make the same frames of an utterance; one that was trained is like no other."""
    if one is other:
        return True
    reads = one.spec.get("text") == other.spec.get("text")
    return reads and one.fingerprint == other.fingerprint and not (one.trained or other.trained)
