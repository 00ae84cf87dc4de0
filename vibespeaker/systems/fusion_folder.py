"""The model folder of a late fusion: its config, its card, a folder for each member, and its gate where it has one.

- `config.json`: `kind`, `format`, VibeSpeaker's version, the members in order, with the SHA-256 that each is known by,
  what each of its classes counts for and its calibration; how they are weighed, the classes, the fusion's own SHA-256,
  and what it says of itself.
- `members/0`, `members/1` …: model folders, or folders of text systems. What a config says never becomes a path.
- `gate.json`: see `ensemble.gate`.
- `README.md`: the card.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from vibespeaker import __version__
from vibespeaker.calibration.store import Calibration
from vibespeaker.ensemble.fusion import Rule
from vibespeaker.ensemble.gate import Gate
from vibespeaker.ensemble.means import check_weights
from vibespeaker.errors import CheckpointError, ConfigError, PredictionsError
from vibespeaker.files import write_text
from vibespeaker.files.stored_fields import stored_as
from vibespeaker.labels import LabelSet
from vibespeaker.labels.heads import CATEGORIES_HEAD
from vibespeaker.systems.base import System
from vibespeaker.systems.ensemble_folder import MEMBERS, read_folder, write_folder
from vibespeaker.systems.facts import ModelFacts
from vibespeaker.systems.folder import CARD, CONFIG, FORMAT, REMEDY, read_config, read_facts, write_config
from vibespeaker.systems.fused_members import FusedMember, joined_members
from vibespeaker.systems.fusion import Fusion
from vibespeaker.systems.kinds import is_kind
from vibespeaker.systems.text_emotion import TextEmotion, is_text_folder, read_text_emotion, write_text_emotion

KIND_OF_FUSIONS = "vibespeaker fusion"
GATE = "gate.json"
_MOST_MEMBERS = 64
_MEMBER_CARD = "# {name}\n\nA member of a late fusion, which the card two folders above describes.\n"


@dataclass(frozen=True)
class _Member:
    """A member as the config names it."""

    name: str
    sha256: str
    called: tuple[str | None, ...]
    calibration: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class _Config:
    """The fields of a fusion's `config.json`; those with a default may be absent."""

    kind: str
    format: int
    vibespeaker: str
    members: tuple[_Member, ...]
    fusion: str
    weights: Mapping[str, float]
    member_classes: tuple[str, ...]
    label_set: str
    classes: tuple[str, ...]
    sha256: str
    gate: bool = False
    about: Mapping[str, Any] | None = None


class FolderFusion(Fusion):
    """A late fusion out of a model folder; see `System`.

    Attributes:
        facts: what it says of itself; null where it says nothing.
    """

    facts: ModelFacts | None = None


def is_fusion_folder(path: Path) -> bool:
    """Return whether a folder's config says that it is a fusion; what is wrong with it shows when it is read."""
    return is_kind(path, KIND_OF_FUSIONS)


def read_fusion_folder(path: Path) -> FolderFusion:
    """Read the model folder of a fusion.

    Raises:
        CheckpointError: it is damaged or something else, or its members are others than were written.
    """
    fields = read_config(path / CONFIG, KIND_OF_FUSIONS)
    config = stored_as(_Config, fields, str(path / CONFIG), CheckpointError, REMEDY)
    if not 0 < len(config.members) <= _MOST_MEMBERS or config.fusion not in get_args(Rule):
        found = f"{len(config.members)} members, fusion {config.fusion}"
        raise CheckpointError(f"{path} is no fusion that this version reads", found=found, remedy=REMEDY)
    try:
        fusion = _fusion(path, config)
    except (ConfigError, PredictionsError) as error:
        raise CheckpointError(f"{path}: {error}", remedy=REMEDY) from error
    if fusion.identity != config.sha256:
        raise CheckpointError(f"the members of {path} are not those that were written", remedy=REMEDY)
    fusion.facts = read_facts(config.about, path)
    return fusion


def write_fusion_folder(
    path: Path, fusion: Fusion, card: str, facts: ModelFacts | None = None, encoders: bool = True
) -> str:
    """Write a fusion as a model folder, the config last.

    Args:
        path: the folder; made when missing.
        fusion: as it was opened.
        card: Markdown, for people.
        facts: what it says of itself.
        encoders: whether checkpoints of encoders go along, see `folder.write_model_folder`.

    Returns:
        SHA-256 that the folder's fusion is known by.

    Raises:
        ConfigError: a member cannot be exported: classifiers of a hub are shared under their own names.
    """
    members = []
    for number, (name, member) in enumerate(fusion.members.items()):
        place = path / MEMBERS / str(number)
        digest = _write_member(place, name, member.system, encoders)
        fitted = None if member.calibration is None else member.calibration.to_json()
        members.append(_Member(name, digest, tuple(member.called), fitted))
    gate = fusion.combiners.get(CATEGORIES_HEAD)
    if isinstance(gate, Gate):
        gate.write(path / GATE)
    answered = fusion.provenance.labels
    made = _Config(
        *(KIND_OF_FUSIONS, FORMAT, __version__, tuple(members)),
        *(fusion.settings["fusion"], fusion.settings["weights"], fusion.labels.classes),
        *(answered.name, answered.classes, ""),
        gate=isinstance(gate, Gate),
        about=None if facts is None else asdict(facts),
    )
    identity = _fusion(path, made).identity
    assert identity is not None, "members that were written have hashes"
    write_text(path / CARD, card)
    write_config(path, {**asdict(made), "sha256": identity})
    return identity


def _write_member(place: Path, name: str, system: System, encoders: bool) -> str:
    if isinstance(system, TextEmotion):
        place.mkdir(parents=True, exist_ok=True)
        write_text_emotion(place, system.learned, system.learned_provenance)
        identity = read_text_emotion(place).identity
        assert identity is not None
        return identity
    return write_folder(place, system, _MEMBER_CARD.format(name=name), encoders=encoders)


def _fusion(path: Path, config: _Config) -> FolderFusion:
    """Open the members, which must be those that the config names, and join them."""
    labels = LabelSet(config.label_set, config.member_classes)
    members = {}
    for number, one in enumerate(config.members):
        place = path / MEMBERS / str(number)
        system: System = read_text_emotion(place) if is_text_folder(place) else read_folder(place, 1)
        if system.identity != one.sha256:
            raise CheckpointError(f"{place} is not the member that was written", remedy=REMEDY)
        _check_called(one, system, labels, place)
        fitted = None if one.calibration is None else Calibration.from_json(one.calibration, f"{place}: calibration")
        if fitted is not None and fitted.classes != system.provenance.classes:
            raise CheckpointError(f"the calibration of {place} is for other classes", remedy=REMEDY)
        members[one.name] = FusedMember(system, one.called, fitted, str(place))
    if list(config.weights) != list(members):
        raise CheckpointError(f"{path}: the weights are of other members", found=", ".join(config.weights))
    check_weights([*config.weights.values()], "a fusion's members")
    combiners, settings = joined_members(members, labels, config.fusion, config.weights, path, _gate(path, config))
    fusion = FolderFusion(members, labels, combiners, settings, path / CONFIG)
    fusion.restrict_classes(LabelSet(config.label_set, config.classes))
    return fusion


def _gate(path: Path, config: _Config) -> Path | None:
    return path / GATE if config.gate else None


def _check_called(member: _Member, system: System, labels: LabelSet, place: Path) -> None:
    """Refuse names of classes that are not one for each class of the member, out of the fusion's."""
    known = {*labels.classes, None}
    wide = len(system.provenance.classes) if CATEGORIES_HEAD in system.heads else len(labels)
    if len(member.called) != wide or not known.issuperset(member.called):
        raise CheckpointError(
            f"what the classes of {place} count for does not fit", found=member.called, allowed=labels.classes
        )
