"""Further heads as configs declare them, their classes as the training split has them, and their targets."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vibespeaker.config_files import find_config
from vibespeaker.config_files.yaml_text import read_mapping
from vibespeaker.errors import ConfigError
from vibespeaker.labels import NO_AGREEMENT, NO_CATEGORY, LabelSet
from vibespeaker.labels.heads import HeadSpec, Kind
from vibespeaker.labels.policy import LabelPolicy
from vibespeaker.manifest import SCHEMA, SECONDARY_VOTES, Manifest

_SHOWN = 5
#: Columns by what they hold; `votes.secondary` holds all names that the raters gave beside their primary emotion.
TEXTS = (*(item.name for item in SCHEMA if pa.types.is_string(item.type)), SECONDARY_VOTES)
NUMBERS = tuple(item.name for item in SCHEMA if pa.types.is_floating(item.type))


@dataclass(frozen=True)
class HeadConfig:
    """A further head, as a config declares it.

    Args:
        kind: `classification` predicts one of the classes, `multilabel` any number of those that the raters named,
            `regression` one value.
        column: column of the manifest that holds the truth, `votes.secondary` for the raters' secondary emotions; null
            takes the head's name. Where one class is predicted of several names, the truth is the one that most raters
            gave, and unknown where two are given equally often.
        classes: names of the classes, in the order of the logits; null takes those of the training split, sorted.
        map: YAML file, or the name of a shipped one, from values of the column to classes, null for no label.
        low: least value of a regression; null, with `high`, leaves the output unbounded.
        high: greatest value of a regression.
    """

    kind: Kind = "classification"
    column: str | None = None
    classes: list[str] | None = None
    map: str | None = None
    low: float | None = None
    high: float | None = None


def resolve_heads(
    declared: Mapping[str, HeadConfig],
    path: Path,
    training: npt.NDArray[np.bool_],
    labels: LabelSet,
    policy: LabelPolicy,
) -> dict[str, HeadSpec]:
    """Find the classes of declared heads.

    Args:
        declared: head → its declaration.
        path: the manifest.
        training: `(N,)`, True for the rows of the training split.
        labels: the label set of the categories.
        policy: what it leaves out of the categories is no class of a head, nor is `no_agreement`.

    Raises:
        ConfigError: a declaration does not fit its column or the training split; names the head.
    """
    found = {}
    for name, config in declared.items():
        column = config.column or name
        _check(name, config, column)
        manifest = Manifest.read(path, (column,)).select(training.tolist())
        if config.kind == "regression":
            _check_range(name, config, manifest, column)
            found[name] = HeadSpec("regression", column, low=config.low, high=config.high)
            continue
        mapping = None if config.map is None else _read_map(config.map)
        values = set(_mentions(manifest, column)[2])
        if column == "category":
            values = {one for one in values - {NO_AGREEMENT} if policy.use_of(one, labels) != "exclude"}
        classes = _classes(name, config, values, mapping)
        found[name] = HeadSpec(config.kind, column, classes, mapping)
    return found


def head_targets(manifest: Manifest, spec: HeadSpec) -> npt.NDArray[np.int64] | npt.NDArray[np.float32]:
    """Return the targets of every row of `manifest`, which has the head's column.

    Returns:
        Classification: `(N,)` int64, class index or `NO_CATEGORY`; multilabel: `(N, classes)` float32, 1 for the
        classes that a rater named, NaN in rows where none is named; regression: `(N, 1)` float32, NaN where unknown.
    """
    if spec.kind == "regression":
        return manifest.table.column(spec.column).to_numpy().astype(np.float32)[:, None]
    rows, codes, values = _mentions(manifest, spec.column)
    position = {name: index for index, name in enumerate(spec.classes)}
    labels = [value if spec.mapping is None else spec.mapping.get(value) for value in values]
    indices = np.array([-1 if label is None else position.get(label, -1) for label in labels], dtype=np.int64)
    chosen = indices[codes] if len(codes) else codes
    rows, chosen = rows[chosen >= 0], chosen[chosen >= 0]
    if spec.column != SECONDARY_VOTES:
        category = np.full(len(manifest), NO_CATEGORY, dtype=np.int64)
        category[rows] = chosen
        return category
    size = (len(manifest), len(spec.classes))
    counts = np.bincount(rows * size[1] + chosen, minlength=size[0] * size[1]).reshape(size)
    most = counts.max(axis=1, keepdims=True)
    if spec.kind == "multilabel":
        return np.where(most > 0, counts > 0, np.nan).astype(np.float32)
    is_clear = (most[:, 0] > 0) & ((counts == most).sum(axis=1) == 1)
    return np.where(is_clear, counts.argmax(axis=1), NO_CATEGORY).astype(np.int64)


def is_known(targets: npt.NDArray[np.int64] | npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return `(N,)`, True where a head's targets, see `head_targets`, are known."""
    if targets.ndim == 1:
        return np.asarray(targets != NO_CATEGORY)
    return np.asarray(~np.isnan(targets).any(axis=1))


def _mentions(manifest: Manifest, column: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], list[str]]:
    """Return for every value of a text column its row, and the value as a position in the list."""
    if column == SECONDARY_VOTES:
        return manifest.secondary_votes()
    codes, values = manifest.codes(column)
    rows = np.flatnonzero(codes >= 0)
    return rows, codes[rows], values


def _check(name: str, config: HeadConfig, column: str) -> None:
    """Refuse a declaration whose options contradict each other."""
    is_value = config.kind == "regression"
    allowed = NUMBERS if is_value else (SECONDARY_VOTES,) if config.kind == "multilabel" else TEXTS
    if column not in allowed:
        raise ConfigError(
            f"head {name!r} of kind {config.kind} cannot be read from this column", found=column, allowed=allowed
        )
    if is_value and (config.classes is not None or config.map is not None):
        raise ConfigError(f"head {name!r} predicts a value and has no classes", found=config.classes or config.map)
    if (config.low is None) != (config.high is None) or (not is_value and config.low is not None):
        raise ConfigError(
            f"head {name!r}: low and high belong together, and to regression", found=(config.low, config.high)
        )
    if config.low is not None and config.high is not None and not config.low < config.high:
        raise ConfigError(f"head {name!r}: low must be below high", found=(config.low, config.high))


def _check_range(name: str, config: HeadConfig, manifest: Manifest, column: str) -> None:
    values = manifest.table.column(column).to_numpy().astype(np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        raise _nothing(name, column)
    low, high = config.low, config.high
    if low is not None and high is not None and (values.min() < low or values.max() > high):
        raise ConfigError(
            f"head {name!r}: the training split has values that the head cannot predict",
            found=f"{values.min():g} to {values.max():g}",
            allowed=f"{low:g} to {high:g}",
            remedy="widen low and high, or leave both out",
        )


def _classes(
    name: str, config: HeadConfig, values: set[str], mapping: Mapping[str, str | None] | None
) -> tuple[str, ...]:
    unmapped = sorted(values - set(mapping)) if mapping is not None else []
    if unmapped:
        raise ConfigError(
            f"head {name!r}: the training split has values that {config.map} does not map",
            found=unmapped[:_SHOWN],
            remedy="add them to the map, with null for those that have no label",
        )
    labels = {label for label in (mapping[value] if mapping else value for value in values) if label is not None}
    if not labels:
        raise _nothing(name, config.column or name)
    classes = tuple(sorted(labels) if config.classes is None else config.classes)
    unknown = sorted(labels - set(classes))
    if unknown or len(set(classes)) < max(2, len(classes)):
        raise ConfigError(
            f"head {name!r} needs two or more distinct classes, among them all of the training split",
            found=unknown[:_SHOWN] or classes,
            allowed=classes if unknown else sorted(labels),
            remedy="correct the head's classes, or map the values that have no label to null",
        )
    return classes


def _nothing(name: str, column: str) -> ConfigError:
    return ConfigError(f"head {name!r} has no label in the training split", found=f"column {column} is empty there")


def _read_map(name: str) -> dict[str, str | None]:
    path = find_config(name)
    fields = read_mapping(path)
    wrong = [value for value in fields.values() if not isinstance(value, str | None)]
    if wrong or not fields:
        raise ConfigError(
            f"map {path} must give a class, or null, to each value",
            found=wrong[0] if wrong else "nothing",
            allowed="words; those that YAML takes for numbers or truth values in quotes",
        )
    return fields
