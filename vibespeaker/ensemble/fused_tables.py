"""The members of a late fusion as prediction tables, and the fusion with what was learned from them."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from vibespeaker.calibration.applying import apply_calibration
from vibespeaker.calibration.store import Calibration
from vibespeaker.ensemble.combiners import Combiner, Weighted
from vibespeaker.ensemble.fusion import (
    FusionFile,
    Modality,
    joint_modality,
    mapped_classes,
    member_weights,
    union,
    widened,
)
from vibespeaker.ensemble.gate import Gate
from vibespeaker.ensemble.means import LEAST_PROBABILITY
from vibespeaker.ensemble.members import Member, identified
from vibespeaker.errors import ConfigError, PredictionsError
from vibespeaker.files import write_text
from vibespeaker.labels import ATTRIBUTES, LabelSet
from vibespeaker.manifest import Manifest
from vibespeaker.manifest.texts import text_column
from vibespeaker.predictions import KEYS, Predictions

log = logging.getLogger(__name__)

_IS_CALIBRATED = "calibration"


@dataclass(frozen=True)
class FusedTables:
    """What a fusion makes of tables.

    Args:
        members: in the order of the file, over the union of their classes.
        weights: one per member.
        names: path of each member's table → its name in the file.
        labels: the union of their classes.
    """

    members: tuple[Member, ...]
    weights: tuple[float, ...]
    names: Mapping[str, str]
    labels: LabelSet


def fused_tables(paths: Sequence[Path], file: FusionFile, source: Path, manifest: Path | None) -> FusedTables:
    """Read the tables that a fusion's members predicted.

    Args:
        paths: one table per member, called as it: `words.parquet` of the member `words`.
        file: the fusion.
        source: where it was read from.
        manifest: the utterances with their texts; needed where a member reads words.

    Raises:
        PredictionsError: a table is missing or cannot be used, or belongs to no member.
        ConfigError: weights or maps do not fit, or the texts are not known.
    """
    by_name = {path.stem: path for path in paths}
    if set(by_name) != set(file.members) or len(by_name) != len(paths):
        raise PredictionsError(
            f"the tables are not those of the members of {source}",
            found=", ".join(map(str, paths)) or "none",
            allowed=[f"{name}.parquet" for name in file.members],
            remedy="call each table as its member",
        )
    read = identified([Member.read(by_name[name]) for name in file.members])
    tables = {name: _calibrated(name, member, file, source) for name, member in zip(file.members, read, strict=True)}
    modalities = {name: _modality(name, table.metadata.provenance) for name, table in tables.items()}
    having = {name: table.labels for name, table in tables.items() if table.has_categories}
    labels = union(having or {name: table.labels for name, table in tables.items()}, file.label_maps or {})
    members = []
    for member, (name, table) in zip(read, tables.items(), strict=True):
        silent = _silent(table, manifest, source) if modalities[name] == "text" else frozenset()
        members.append(replace(member, predictions=_widened(name, table, file, labels), silent=silent))
    weights = member_weights(file, modalities)
    names = {str(by_name[name]): name for name in file.members}
    return FusedTables(tuple(members), tuple(weights.values()), names, labels)


def write_fusion(file: FusionFile, source: Path, out: Path, combiner: Combiner, names: Mapping[str, str]) -> Path:
    """Write a fusion with what was learned, for `recognize --model`, and return its path.

    Args:
        file: the fusion that was learned for.
        source: where it was read from.
        out: the fused table, beside which it is written: `NAME.fusion.yaml`, and `NAME.gate.json` where there is one.
        combiner: what was fitted for categories.
        names: see `FusedTables`.
    """
    content: dict[str, Any] = {key: value for key, value in asdict(file).items() if value is not None}
    content["members"] = {name: _from(out, source, member) for name, member in file.members.items()}
    if file.calibrations:
        content["calibrations"] = {name: _from(out, source, one) for name, one in file.calibrations.items()}
    if isinstance(combiner, Gate):
        gate = out.with_suffix(".gate.json")
        replace(combiner, members=tuple(names[member] for member in combiner.members)).write(gate)
        content = {key: value for key, value in content.items() if key != "weights"} | {"gate": gate.name}
    elif isinstance(combiner, Weighted):
        shares = combiner.record()["weights"]
        content["weights"] = {name: round(shares.get(path, 0.0), 6) for path, name in names.items()}
    written = out.with_suffix(".fusion.yaml")
    write_text(written, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return written


def _from(out: Path, source: Path, reference: str) -> str:
    """Return a reference relative to where the learned fusion lies; what is no file keeps its name."""
    beside = source.parent / reference
    return os.path.relpath(beside, out.parent) if beside.exists() else reference


def _calibrated(name: str, member: Member, file: FusionFile, source: Path) -> Predictions:
    """Return a member's table, calibrated where it is or where the file names a calibration."""
    table = member.predictions
    if table is None:
        raise PredictionsError(f"member {name} of a fusion must be a prediction table", found=member.name)
    given = (file.calibrations or {}).get(name)
    if given is not None and _IS_CALIBRATED not in table.metadata.provenance:
        table = apply_calibration(table, Calibration.read(source.parent / given))
    if file.fusion == "confidence" and _IS_CALIBRATED not in table.metadata.provenance and table.has_categories:
        raise PredictionsError(
            f"member {name} is weighted by its confidence, but its table is not calibrated",
            found=member.name,
            remedy=f"name a file of vibespeaker calibrate under calibrations.{name} of {source}",
        )
    return table


def _encoders(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield all encoders that a table records, those of an ensemble's members, too."""
    yield from (record.get("encoders") or {}).values()
    for member in (record.get("ensemble") or {}).get("members") or ():
        yield from _encoders(member.get("provenance") or {})


def _modality(name: str, record: Mapping[str, Any]) -> Modality:
    kinds = {str(kind) for encoder in _encoders(record) if (kind := encoder.get("modality")) is not None}
    if not kinds:
        log.warning("the table of member %s does not record what it reads: it is taken to hear", name)
    return joint_modality(kinds)


def _silent(table: Predictions, manifest: Path | None, source: Path) -> frozenset[str]:
    """Return the utterances for which a member of words had none."""
    if manifest is None:
        raise ConfigError(
            f"{source} has members that read words, and nobody says where words were missing",
            remedy="give the manifest with --manifest",
        )
    columns = sorted({text_column(encoder.get("text")) for encoder in _encoders(table.metadata.provenance)})
    read = Manifest.read(manifest, ("utterance_id", *columns))
    texts = zip(*(read.column(column) for column in columns), strict=True)
    spoken = [any((text or "").strip() for text in row) for row in texts]
    return frozenset(pd.Index(read.column("utterance_id"))[~np.array(spoken, np.bool_)])


def _widened(name: str, table: Predictions, file: FusionFile, labels: LabelSet) -> Predictions:
    """Return the table over the classes of the fusion; what is 0 there has the least probability that is told."""
    logits = None
    if table.has_categories:
        called = mapped_classes(name, table.labels, file.map_of(name))
        logits = np.log(np.maximum(widened(table.probabilities(), called, labels), LEAST_PROBABILITY))
    metadata = replace(table.metadata, label_set=labels.name, classes=labels.classes)
    keys = [list(table.frame[key]) for key in KEYS]
    made = Predictions.build(keys[0], keys[1], keys[2], logits, None, metadata)
    others = [*ATTRIBUTES, *(column for one, spec in metadata.heads.items() for column in spec.columns(one))]
    made.frame[others] = table.frame[others]
    return replace(table, frame=made.frame, metadata=metadata)
