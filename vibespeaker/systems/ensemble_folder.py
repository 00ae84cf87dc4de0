"""The model folder of an ensemble: its config, its card, and a model folder for each member.

- `config.json`: `kind`, `format`, VibeSpeaker's version, the members' names, in order, with the SHA-256 that each is
  known by and the label map where its classes are called otherwise, the weights, the classes, the ensemble's own
  SHA-256, its calibration, and what it says of itself.
- `members/0`, `members/1` …: the members, model folders themselves. What a config says never becomes a path.
- `README.md`: the card.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vibespeaker import __version__
from vibespeaker.calibration.store import Calibration
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.files import write_text
from vibespeaker.files.stored_fields import stored_as
from vibespeaker.labels import LabelSet
from vibespeaker.systems.base import System
from vibespeaker.systems.ensemble import Ensemble
from vibespeaker.systems.facts import ModelFacts
from vibespeaker.systems.folder import (
    CARD,
    CONFIG,
    FORMAT,
    KIND,
    REMEDY,
    read_calibration,
    read_config,
    read_facts,
    read_model_folder,
    stored_calibration,
    write_config,
    write_model_folder,
)
from vibespeaker.systems.relabelled import Relabelled
from vibespeaker.systems.trained import TrainedModel

KIND_OF_ENSEMBLES = "vibespeaker ensemble"
MEMBERS = "members"
#: Members of an ensemble, and ensembles within each other, that are read.
_MOST_MEMBERS, _MOST_LEVELS = 64, 4
_MEMBER_CARD = "# {name}\n\nA member of an ensemble, which the card two folders above describes.\n"


@dataclass(frozen=True)
class _Member:
    """A member as the config names it."""

    name: str
    sha256: str
    label_map: Mapping[str, str] | None = None


@dataclass(frozen=True)
class _Config:
    """The fields of an ensemble's `config.json`; those with a default may be absent."""

    kind: str
    format: int
    vibespeaker: str
    members: tuple[_Member, ...]
    weights: Mapping[str, Mapping[str, float]]
    label_set: str
    classes: tuple[str, ...]
    sha256: str
    calibration: Mapping[str, Any] | None = None
    about: Mapping[str, Any] | None = None


class FolderEnsemble(Ensemble):
    """An ensemble out of a model folder; see `System`.

    Attributes:
        calibration: fitted for it; null where there is none.
        facts: what it says of itself; null where it says nothing.
    """

    calibration: Calibration | None = None
    facts: ModelFacts | None = None


def read_folder(path: Path, level: int = 0) -> System:
    """Read the model folder of a trained system or of an ensemble.

    Args:
        path: the folder.
        level: ensembles that it is a member of.

    Raises:
        CheckpointError: see `folder.read_model_folder`; also of members, and where they are others than were written.
    """
    fields = read_config(path / CONFIG, KIND, KIND_OF_ENSEMBLES)
    if fields["kind"] == KIND:
        return read_model_folder(path)
    config = stored_as(_Config, fields, str(path / CONFIG), CheckpointError, REMEDY)
    if len(config.members) > _MOST_MEMBERS or level >= _MOST_LEVELS:
        found = f"{len(config.members)} members, {level} ensembles around it"
        allowed = f"{_MOST_MEMBERS} members, {_MOST_LEVELS} levels"
        raise CheckpointError(f"{path} is too large an ensemble", found=found, allowed=allowed)
    try:
        ensemble = _ensemble(path, config, level)
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}", remedy=REMEDY) from error
    if ensemble.identity != config.sha256:
        raise CheckpointError(f"the members of {path} are not those that were written", remedy=REMEDY)
    ensemble.calibration = read_calibration(config.calibration, config.sha256, config.classes, path)
    ensemble.facts = read_facts(config.about, path)
    return ensemble


def write_folder(
    path: Path,
    system: System,
    card: str,
    calibration: Calibration | None = None,
    facts: ModelFacts | None = None,
    encoders: bool = True,
) -> str:
    """Write a trained system or an ensemble as a model folder; see `folder.write_model_folder`.

    Raises:
        ConfigError: it is another kind of system.
    """
    if isinstance(system, TrainedModel) and system.network_spec is not None:
        return write_model_folder(path, system, card, calibration, facts, encoders)
    if not isinstance(system, Ensemble):
        raise ConfigError(
            "only trained networks, and ensembles and fusions of them, are exported",
            found=f"{type(system).__name__}, {system.file}",
            remedy="share its folder as it is",
        )
    members = []
    for number, (name, member) in enumerate(system.members.items()):
        label_map = member.label_map if isinstance(member, Relabelled) else None
        inner = member.system if isinstance(member, Relabelled) else member
        card_of = _MEMBER_CARD.format(name=name)
        digest = write_folder(path / MEMBERS / str(number), inner, card_of, encoders=encoders)
        members.append(_Member(name, digest, label_map))
    labels = system.provenance.labels
    made = _Config(
        *(KIND_OF_ENSEMBLES, FORMAT, __version__, tuple(members)),
        *(system.weights, labels.name, labels.classes, ""),
        about=None if facts is None else asdict(facts),
    )
    identity = _ensemble(path, made, 0).identity
    assert identity is not None, "members that were written have hashes"
    write_text(path / CARD, card)
    write_config(path, {**asdict(made), "sha256": identity, "calibration": stored_calibration(calibration, identity)})
    return identity


def _ensemble(path: Path, config: _Config, level: int) -> FolderEnsemble:
    """Open the members, which must be those that the config names, as one."""
    members: dict[str, System] = {}
    for number, one in enumerate(config.members):
        place = path / MEMBERS / str(number)
        member = read_folder(place, level + 1)
        if member.identity != one.sha256:
            raise CheckpointError(f"{place} is not the member that was written", remedy=REMEDY)
        members[one.name] = member if one.label_map is None else Relabelled(member, one.label_map, str(place))
    labels = LabelSet(config.label_set, config.classes)
    paths = {one.name: path / MEMBERS / str(number) for number, one in enumerate(config.members)}
    return FolderEnsemble(members, config.weights, paths, labels)
