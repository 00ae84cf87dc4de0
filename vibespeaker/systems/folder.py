"""A model folder, what is shared with strangers: weights, plain words and a card; loading it runs no code from it.

- `model.safetensors`: tensors and nothing else. `network.…` is the network; `live.…` are encoders that were trained
  with it; `drawn.<encoder>.…` are random numbers that an encoder drew (`Encoder.draws_weights`).
- `config.json`: `kind`, `format`, VibeSpeaker's version, the network's `class_path` and arguments, the provenance with
  every encoder's specification and fingerprint, the calibration, `weights_sha256`, and what the model says of itself.
- `encoders/<encoder>/`: the checkpoint that an encoder began with, with its tokenizer or feature extractor, so that no
  hub is asked; left out where that was asked for, and of encoders without one.
- `README.md`: the card, for people.

Everything is compared before it is used: the classes that it names are this package's, or trusted; the network's sizes
are tried out without memory against the weights; encoders refuse sizes out of range; and their fingerprints must be
those that it was trained with.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from vibespeaker import __version__
from vibespeaker.audio.opening import UnusableError, open_regular
from vibespeaker.calibration.store import Calibration
from vibespeaker.config_files.renamed import classes_now
from vibespeaker.config_files.trust import check_names
from vibespeaker.encoders.base import Encoder
from vibespeaker.encoders.carrying import carried, carry
from vibespeaker.errors import CheckpointError, PredictionsError
from vibespeaker.files import atomic_path, write_text
from vibespeaker.files.inputs import reading
from vibespeaker.files.stored_fields import read_object, stored_as
from vibespeaker.models.building import build_network
from vibespeaker.models.checkpoint import checkpoint_errors, weights_sha256
from vibespeaker.models.live import LIVE
from vibespeaker.models.weights import NETWORK
from vibespeaker.provenance import CHECKPOINT_KEY, Provenance
from vibespeaker.systems.facts import ModelFacts
from vibespeaker.systems.kinds import CONFIG as CONFIG
from vibespeaker.systems.trained import TrainedModel

WEIGHTS, CARD = "model.safetensors", "README.md"
#: What the names of random weights begin with.
DRAWN = "drawn."
#: Folder of the encoders' checkpoints.
ENCODERS = "encoders"
KIND, FORMAT = "vibespeaker model", 1
#: Largest config that is read.
_MOST_BYTES = 4 << 20
REMEDY = "give a folder as it was shared: it is damaged or something else"


@dataclass(frozen=True)
class _Config:
    """The fields of `config.json`; those with a default may be absent."""

    kind: str
    format: int
    vibespeaker: str
    network: Mapping[str, Any]
    provenance: Mapping[str, Any]
    weights_sha256: str
    calibration: Mapping[str, Any] | None = None
    about: Mapping[str, Any] | None = None


class FolderModel(TrainedModel):
    """A trained model out of a model folder; see `System`.

    Attributes:
        calibration: fitted for these weights; null where there is none.
        facts: what the model says of itself; null where it says nothing.
    """

    calibration: Calibration | None = None
    facts: ModelFacts | None = None


def is_model_folder(path: Path) -> bool:
    """Return whether a path is a folder with a model's config."""
    return (path / CONFIG).is_file()


def read_model_folder(path: Path) -> FolderModel:
    """Read a model folder.

    Raises:
        CheckpointError: it is damaged or something else, names what it must not, or its weights are not those that were
            written.
    """
    config = _config(path / CONFIG)
    source = str(path)
    with checkpoint_errors(source):
        check_names(dict(config.network), source)
        provenance = Provenance.from_checkpoint({CHECKPOINT_KEY: config.provenance}, source)
        check_names({name: encoder.spec for name, encoder in provenance.encoders.items()}, source)
    provenance = _with_carried(provenance, path / ENCODERS)
    weights = _weights(path / WEIGHTS)
    if weights_sha256(weights) != config.weights_sha256:
        raise CheckpointError(f"the weights in {path} are not those that were written", remedy=REMEDY)
    spec = classes_now(_values_of(config.network))
    network = build_network(spec, provenance, _under(weights, NETWORK), source)
    trained, drawn = _under(weights, LIVE), _under(weights, DRAWN)
    model = FolderModel(network, provenance, trained, config.weights_sha256, path / WEIGHTS, drawn, spec)
    model.calibration = read_calibration(config.calibration, config.weights_sha256, provenance.classes, path)
    model.facts = read_facts(config.about, path)
    return model


def write_model_folder(
    path: Path,
    system: TrainedModel,
    card: str,
    calibration: Calibration | None = None,
    facts: ModelFacts | None = None,
    encoders: bool = True,
) -> str:
    """Write a trained system as a model folder; files that are there already are replaced, the config last.

    Args:
        path: the folder; made when missing.
        system: as it was opened, written in all its classes; its encoders are built if they are not yet.
        card: Markdown, for people.
        calibration: fitted for this system; what it names is the folder's weights from now on.
        facts: what the model says of itself.
        encoders: whether the folder holds the checkpoints that its encoders began with.

    Returns:
        SHA-256 of the weights, by which the folder's model is known.

    Raises:
        CheckpointError: an encoder is not the one that it was trained with.
        EncoderError: an encoder cannot be had.
    """
    assert system.network_spec is not None, "a system that was opened from a file says what makes its network"
    if system.live is None:
        system.prepare(None)
    assert system.live is not None
    weights = {f"{NETWORK}{name}": value for name, value in system.network.state_dict().items()}
    weights |= {f"{LIVE}{name}": value for name, value in system.trained_encoders.items()}
    for name, encoder in system.live.frozen.items():
        if _draws(encoder):
            weights |= {f"{DRAWN}{name}.{key}": value for key, value in encoder.state_dict().items()}
    for name, one in system.trained_provenance.encoders.items():
        if encoders:
            carry(one.spec, path / ENCODERS / name)
    digest = weights_sha256(weights)
    made = _Config(
        KIND,
        FORMAT,
        __version__,
        _words_of(system.network_spec),
        system.trained_provenance.to_config(),
        digest,
        stored_calibration(calibration, digest),
        None if facts is None else asdict(facts),
    )
    from safetensors.torch import save

    with atomic_path(path / WEIGHTS) as temporary:
        temporary.write_bytes(save({name: value.contiguous() for name, value in weights.items()}))
    write_text(path / CARD, card)
    write_config(path, asdict(made))
    return digest


def write_config(path: Path, fields: Mapping[str, Any]) -> None:
    """Write the config of a model folder."""
    write_text(path / CONFIG, json.dumps(fields, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def stored_calibration(calibration: Calibration | None, identity: str) -> dict[str, Any] | None:
    """Return what a config keeps of a calibration, which belongs to the folder's model from now on."""
    return None if calibration is None else {**calibration.to_json(), "checkpoint": identity}


def _with_carried(provenance: Provenance, folder: Path) -> Provenance:
    """Return the provenance with the encoders whose checkpoints a model folder holds taken from there."""
    found = {
        # a stranger's name of an encoder leads nowhere else
        name: replace(one, spec=carried(one.spec, folder / name))
        if Path(name).name == name and (folder / name).is_dir()
        else one
        for name, one in provenance.encoders.items()
    }
    return replace(provenance, encoders=found)


def _draws(encoder: Encoder) -> bool:
    """Return whether an encoder, or one within it, draws random weights."""
    return any(isinstance(part, Encoder) and part.draws_weights for part in encoder.modules())


def _words_of(tree: Any) -> Any:
    """Return plain values with words for infinite numbers, which JSON lacks."""
    if isinstance(tree, Mapping):
        return {key: _words_of(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_words_of(value) for value in tree]
    return str(tree) if isinstance(tree, float) and math.isinf(tree) else tree


def _values_of(tree: Any) -> Any:
    """Undo `_words_of`."""
    if isinstance(tree, Mapping):
        return {key: _values_of(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_values_of(value) for value in tree]
    return float(tree) if tree in ("inf", "-inf") else tree


def _under(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def _config(path: Path) -> _Config:
    fields = read_config(path, KIND)
    return stored_as(_Config, fields, str(path), CheckpointError, REMEDY)


def read_config(path: Path, *kinds: str) -> dict[str, Any]:
    """Read the config of a folder.

    Args:
        path: the file.
        kinds: what it may say that it is.

    Raises:
        CheckpointError: it is missing, damaged, or something else.
    """
    with reading(path, CheckpointError, "model config", REMEDY), open(path, "rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise CheckpointError(f"{path} is too large for a model's config", allowed=f"{_MOST_BYTES >> 20} MiB")
    fields = read_object(content, str(path), CheckpointError, REMEDY)
    if fields.get("kind") not in kinds or fields.get("format") != FORMAT:
        found = f"{fields.get('kind')}, format {fields.get('format')}"
        raise CheckpointError(f"{path} is no model of VibeSpeaker that this version reads", found=found, remedy=REMEDY)
    return fields


def _weights(path: Path) -> dict[str, Tensor]:
    """Read tensors; the library compares what the header promises with the file's size before it takes memory."""
    from safetensors.torch import load_file

    try:
        open_regular(path).close()
    except (UnusableError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read", found=error, remedy=REMEDY) from error
    with checkpoint_errors(path):
        return load_file(path)


def read_calibration(
    stored: Mapping[str, Any] | None, identity: str, classes: tuple[str, ...], path: Path
) -> Calibration | None:
    """Return the calibration that a config holds.

    Raises:
        CheckpointError: it is damaged, or belongs to other weights.
    """
    if stored is None:
        return None
    try:
        calibration = Calibration.from_json(stored, f"the calibration in {path}")
    except PredictionsError as error:
        raise CheckpointError(error.problem, remedy=REMEDY) from error
    if (calibration.checkpoint, calibration.classes) != (identity, classes):
        raise CheckpointError(f"the calibration in {path} belongs to other weights", remedy=REMEDY)
    return calibration


def read_facts(stored: Mapping[str, Any] | None, path: Path) -> ModelFacts | None:
    """Return what a config says of the model.

    Raises:
        CheckpointError: it is damaged.
    """
    if stored is None:
        return None
    about = dict(stored)
    if isinstance(about.get("heard"), Mapping):
        about["heard"] = {name: tuple(ends) for name, ends in about["heard"].items() if isinstance(ends, list)}
    try:
        return stored_as(ModelFacts, about, f"{path}: about", CheckpointError, REMEDY)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: about cannot be read", found=error, remedy=REMEDY) from error
