"""What several systems have in common, and what they were trained on together."""

from collections.abc import Mapping
from dataclasses import replace

from vibespeaker.errors import CheckpointError
from vibespeaker.labels.heads import shared_heads
from vibespeaker.provenance import EncoderProvenance, Provenance


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
    # what was cleaned says nothing of members that read words alone
    cleaned = [part.cleaning for part in parts if _hears(part)] or [first.cleaning]
    if any(recipe != cleaned[0] for recipe in cleaned):
        raise CheckpointError(
            "members of an ensemble were trained on audio that was cleaned in different ways",
            found=cleaned,
            remedy="combine their prediction tables with vibespeaker ensemble",
        )
    leaks: dict[str, str] = {}
    for kind, text in (item for part in parts for item in part.leaks.items()):
        leaks[kind] = text if leaks.get(kind, text) == text else f"{leaks[kind]}; {text}"
    trained = [part.trained_heads for part in parts]
    return replace(
        first,
        encoders=_encoders(members),
        cleaning=cleaned[0],
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


def _hears(part: Provenance) -> bool:
    """Return False only of what reads words alone."""
    return not part.encoders or any(encoder.modality == "audio" for encoder in part.encoders.values())


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
