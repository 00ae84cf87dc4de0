"""The one door to systems: from what a command line or a config names to what answers.

A system is named by a path, and what lies there says what it is:

- a model folder, see `systems.folder`, `systems.ensemble_folder` and `systems.fusion_folder`
- the folder of a text system, see `systems.text_emotion`, or of a classifier of transformers, see `systems.hub`
- a baseline's folder, see `systems.classical`
- a folder of a run, `runs/NAME`: its best state, its last one where nothing was monitored (`files.run_folder`)
- a YAML or JSON file: an ensemble, see `EnsembleFile`, or with the key `fusion` a late fusion, see `ensemble.fusion`,
  or with the key `checkpoint` a classifier of a hub
- any other file: a checkpoint that `vibespeaker fit` wrote

Where nothing lies there, it may be the name of a model that comes with the package (`systems.shipped`), or of a shipped
config that describes a system, see `systems.references`; or `USER/NAME`, perhaps with `@revision`, on the hub: a model
folder (`systems.sharing.hub`) or a classifier.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from vibespeaker.config_files.typed import make_as
from vibespeaker.config_files.yaml_text import read_mapping
from vibespeaker.ensemble.fusion import FusionFile, is_fusion
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.files.run_folder import trained_checkpoint
from vibespeaker.labels import LabelSet, label_set
from vibespeaker.systems.base import System
from vibespeaker.systems.classical import is_classical_folder, read_classical
from vibespeaker.systems.ensemble import Ensemble, checked_weights
from vibespeaker.systems.ensemble_folder import read_folder
from vibespeaker.systems.folder import is_model_folder
from vibespeaker.systems.fusion import open_fusion
from vibespeaker.systems.fusion_folder import is_fusion_folder, read_fusion_folder
from vibespeaker.systems.hub import is_hub_file, is_hub_folder, is_hub_name, open_hub, open_hub_file
from vibespeaker.systems.references import place_of
from vibespeaker.systems.relabelled import Relabelled
from vibespeaker.systems.text_emotion import is_text_folder, read_text_emotion
from vibespeaker.systems.trained import TrainedModel

log = logging.getLogger(__name__)

#: How files that describe systems end; all others are read as checkpoints.
DESCRIBED = (".yaml", ".yml", ".json")
#: What `open_system` takes, in words for errors and help.
ALLOWED = (
    "a model folder, a checkpoint of vibespeaker fit, the folder of a run (runs/NAME), an ensemble's YAML file with "
    "members, the name of a shipped model, or USER/NAME on the hub"
)
_MOST_SHOWN = 8


@dataclass(frozen=True)
class EnsembleFile:
    """Several systems as one, as YAML or JSON.

    Args:
        members: name → what `open_system` takes, relative to the file.
        weights: head → member → weight, see `systems.ensemble.checked_weights`.
        label_maps: member → its class → the class of the ensemble; classes that are not named keep their name.
        labels: label set to answer in; by default that of the member with the fewest classes.
    """

    members: dict[str, str]
    weights: dict[str, dict[str, float]] | None = None
    label_maps: dict[str, dict[str, str]] | None = None
    labels: str | None = None


def open_system(reference: str | Path) -> System:
    """Open a system.

    Args:
        reference: see the module's text.

    Raises:
        CheckpointError: nothing lies there, or something else; or a checkpoint is damaged or names what it must not.
        ConfigError: an ensemble's file is wrong.
    """
    return _open(place_of(reference), ())


def _of_hub(reference: str) -> System:
    """Open what the hub has under a name: a model folder, or a classifier of transformers."""
    from vibespeaker.systems.sharing.hub import fetch, holds_model  # its client, which few need

    return _open(fetch(reference), ()) if "@" in reference or holds_model(reference) else open_hub(reference)


def open_ensemble(
    members: Mapping[str, Path],
    weights: Mapping[str, Mapping[str, float]] | None = None,
    label_maps: Mapping[str, Mapping[str, str]] | None = None,
) -> Ensemble:
    """Open several systems as one.

    Args:
        members: name → what `open_system` takes.
        weights: see `EnsembleFile`.
        label_maps: see `EnsembleFile`.

    Raises:
        ConfigError: the weights or maps do not fit the members; before any is read.
        CheckpointError: as `open_system`.
    """
    return _joined(members, weights, label_maps or {}, None, None, ())


def _open(path: Path, within: tuple[Path, ...]) -> System:
    """Open what lies at `path`, a member of the ensembles in the files `within`, from the outermost inwards."""
    if path.is_dir():
        if is_fusion_folder(path):
            return read_fusion_folder(path)
        if is_classical_folder(path):
            return read_classical(path)
        if is_text_folder(path):
            return read_text_emotion(path)
        if is_hub_folder(path):
            return open_hub(str(path))
        return read_folder(path) if is_model_folder(path) else TrainedModel.from_checkpoint(_checkpoint_of(path))
    if not path.exists() and is_hub_name(str(path)) and not Path(path.parts[0]).is_dir():
        return _of_hub(str(path))
    if not path.is_file():
        problem = f"system {path} is neither a file nor a folder" if path.exists() else f"system {path} does not exist"
        raise CheckpointError(problem, allowed=ALLOWED)
    if path.suffix.lower() in DESCRIBED:
        return _described(path, within)
    return TrainedModel.from_checkpoint(path)


def _checkpoint_of(folder: Path) -> Path:
    """Return the checkpoint that a run is used by."""
    checkpoint = trained_checkpoint(folder)
    if checkpoint is None:
        names = sorted(entry.name for entry in folder.iterdir())
        shown = ", ".join(names[:_MOST_SHOWN]) + (", …" if len(names) > _MOST_SHOWN else "")
        raise CheckpointError(
            f"folder {folder} holds no trained system", found=shown or "an empty folder", allowed=ALLOWED
        )
    log.info("using %s", checkpoint)
    return checkpoint


def _described(path: Path, within: tuple[Path, ...]) -> System:
    """Open the ensemble, or the late fusion, that a file describes."""
    here = path.resolve()
    if here in within:
        raise ConfigError(f"ensemble {path} is a member of itself", found=" > ".join(map(str, (*within, here))))
    content = read_mapping(path)
    if is_hub_file(content):
        return open_hub_file(path)
    if not isinstance(content.get("members"), Mapping):
        raise ConfigError(
            f"{path} describes no system",
            found=", ".join(content) or "nothing",
            allowed="members: {NAME: SYSTEM, …}, and of " + ", ".join(field.name for field in fields(EnsembleFile)),
            remedy="name systems, not prediction tables, which vibespeaker ensemble combines",
        )
    if is_fusion(content):
        fusion = make_as(content, FusionFile, str(path))
        named = {name: place_of(member, path.parent) for name, member in fusion.members.items()}
        opened = {name: (_open(member, (*within, here)), str(member)) for name, member in named.items()}
        return open_fusion(path, fusion, opened)
    described = make_as(content, EnsembleFile, str(path))
    labels = None if described.labels is None else label_set(described.labels)
    members = {name: place_of(member, path.parent) for name, member in described.members.items()}
    return _joined(members, described.weights, described.label_maps or {}, labels, path, (*within, here))


def _joined(
    members: Mapping[str, Path],
    weights: Mapping[str, Mapping[str, float]] | None,
    label_maps: Mapping[str, Mapping[str, str]],
    labels: LabelSet | None,
    file: Path | None,
    within: tuple[Path, ...],
) -> Ensemble:
    checked_weights(members, weights)
    if unknown := [name for name in label_maps if name not in members]:
        raise ConfigError("label maps of an ensemble go by member", found=", ".join(unknown), allowed=members)
    paths = {name: Path(path) for name, path in members.items()}
    opened = {name: _open(path, within) for name, path in paths.items()}
    mapped = {name: Relabelled(opened[name], label_map, str(paths[name])) for name, label_map in label_maps.items()}
    return Ensemble({**opened, **mapped}, weights, paths, labels, file)
