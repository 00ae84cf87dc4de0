"""Fitted classical baselines as systems: a folder with the classifier and plain words about it.

- `config.json`: `kind`, `format`, the classifier's kind, how each encoder's frames become a vector, the provenance with
  every encoder's specification and fingerprint, and a hash of the classifier's file.
- the classifier, see `baselines.storing`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from vibespeaker import __version__
from vibespeaker.baselines.fitting import Fitted
from vibespeaker.baselines.network import ClassicalModel
from vibespeaker.baselines.storing import read_fitted, write_fitted
from vibespeaker.baselines.summaries import Summary
from vibespeaker.config_files.trust import check_names
from vibespeaker.errors import CheckpointError
from vibespeaker.files import file_sha256
from vibespeaker.files.stored_fields import stored_as
from vibespeaker.models.checkpoint import checkpoint_errors
from vibespeaker.provenance import CHECKPOINT_KEY, Provenance
from vibespeaker.systems.folder import CONFIG, FORMAT, read_config, write_config
from vibespeaker.systems.kinds import is_kind
from vibespeaker.systems.trained import TrainedModel

KIND = "vibespeaker baseline"
_REMEDY = "give a folder as vibespeaker baselines wrote it: it is damaged or something else"


@dataclass(frozen=True)
class _Config:
    """The fields of `config.json`."""

    kind: str
    format: int
    vibespeaker: str
    classifier: str
    summaries: Mapping[str, str]
    present: list[int]
    provenance: Mapping[str, Any]
    file_sha256: str


def is_classical_folder(path: Path) -> bool:
    """Return whether a folder's config says that it is a baseline; what is wrong with it shows when it is read."""
    return is_kind(path, KIND)


def write_classical(path: Path, fitted: Fitted, summaries: Mapping[str, Summary], provenance: Provenance) -> None:
    """Write a fitted classifier into a folder, the config last.

    Args:
        path: the folder; made when missing.
        fitted: the classifier.
        summaries: encoder name → how its frames become a vector, in the order in which vectors stand side by side.
        provenance: what it was fitted on.
    """
    path.mkdir(parents=True, exist_ok=True)
    digest = write_fitted(fitted, path)
    present = list(fitted.present)
    config = _Config(KIND, FORMAT, __version__, fitted.name, dict(summaries), present, provenance.to_config(), digest)
    write_config(path, asdict(config))


def read_classical(path: Path) -> TrainedModel:
    """Read a folder that `write_classical` wrote.

    Raises:
        CheckpointError: it is damaged or something else, or names what it must not.
        ConfigError: the classifier's package is not installed.
    """
    source = str(path)
    config = stored_as(_Config, read_config(path / CONFIG, KIND), str(path / CONFIG), CheckpointError, _REMEDY)
    with checkpoint_errors(source):
        provenance = Provenance.from_checkpoint({CHECKPOINT_KEY: config.provenance}, source)
        check_names({name: encoder.spec for name, encoder in provenance.encoders.items()}, source)
    _check(config, provenance, path)
    answer = read_fitted(config.classifier, path, config.file_sha256)
    summaries: dict[str, Any] = dict(config.summaries)
    model = ClassicalModel(
        provenance.encoder_dims, summaries, answer, tuple(config.present), len(provenance.classes)
    ).eval()
    return TrainedModel(model, provenance, identity=file_sha256(path / CONFIG), file=path / CONFIG)


def _check(config: _Config, provenance: Provenance, path: Path) -> None:
    """Refuse fields that do not fit together."""
    positions = range(len(provenance.classes))
    wrong = {
        "summaries": list(config.summaries) != list(provenance.encoders)
        or not all(value in get_args(Summary) for value in config.summaries.values()),
        "present": not config.present
        or sorted(set(config.present)) != config.present
        or not all(isinstance(position, int) and position in positions for position in config.present),
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            found = json.dumps(getattr(config, name), default=str)[:200]
            raise CheckpointError(f"{path / CONFIG}: {name} does not fit the rest", found=found, remedy=_REMEDY)
