"""A label map: which class each corpus's emotions become, in YAML.

label_set: seven
corpora: [savee, ravdess]           # whose manifests it is for; left out, any
categories: {calm: calm, excitement: happiness, neutral: null}   # null: dropped on purpose
overrides: {iemocap: {excitement: null}}                        # by corpus, before `categories`
unlabelled: drop                    # or keep: utterances without a category
complete: {savee: {happiness: 60}}  # utterances of complete corpora that the map keeps
published: {all: {all: {anger: 2955}}}   # split → corpus → class → count, to stand beside one's own
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from vibespeaker.config_files import find_config
from vibespeaker.errors import ConfigError
from vibespeaker.files import file_sha256
from vibespeaker.labels import EMOTIONS, NO_AGREEMENT, OTHER, LabelSet, label_set

Categories = Mapping[str, str | None]
Counts = Mapping[str, Mapping[str, int]]

_KEYS = ("label_set", "corpora", "categories", "overrides", "unlabelled", "complete", "published")


@dataclass(frozen=True)
class LabelMap:
    """A checked label map; the module's text says what its fields mean.

    Args:
        name: the file's name without suffix.
        sha256: hash of the file.
        labels: the classes.
        categories: emotion → class, or null for those to drop.
        corpora: whose manifests it is for, in the order of tables; empty for any.
        overrides: corpus → `categories` of its own.
        unlabelled: what becomes of utterances without a category.
        complete: corpus → class → utterances of the complete corpus.
        published: split → corpus → class → utterances in the published tables.
    """

    name: str
    sha256: str
    labels: LabelSet
    categories: Categories
    corpora: tuple[str, ...] = ()
    overrides: Mapping[str, Categories] = field(default_factory=dict)
    unlabelled: Literal["drop", "keep"] = "drop"
    complete: Counts = field(default_factory=dict)
    published: Mapping[str, Counts] = field(default_factory=dict)

    def knows(self, corpus: str, emotion: str) -> bool:
        """Return True when the map says what becomes of an emotion of a corpus."""
        return emotion in self.overrides.get(corpus, {}) or emotion in self.categories

    def target(self, corpus: str, emotion: str) -> str | None:
        """Return the class of an emotion of a corpus; null where it is dropped or unknown."""
        own = self.overrides.get(corpus, {})
        return own[emotion] if emotion in own else self.categories.get(emotion)


def read_label_map(name: str) -> LabelMap:
    """Read and check a label map.

    Args:
        name: path, or the name of a shipped one such as `corpora/seven`.

    Raises:
        ConfigError: the file is missing or cannot be parsed, or a key or value is wrong; names it.
    """
    path = find_config(name)
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"label map {path} cannot be read", found=" ".join(str(error).split())) from error
    if not isinstance(fields, dict) or not {"label_set", "categories"} <= set(fields) <= set(_KEYS):
        found = sorted(map(str, fields)) if isinstance(fields, dict) else type(fields).__name__
        raise ConfigError(f"label map {path} needs label_set and categories", found=found, allowed=_KEYS)
    if fields.get("unlabelled", "drop") not in ("drop", "keep"):
        raise ConfigError(f"label map {path}: unlabelled", found=fields["unlabelled"], allowed=("drop", "keep"))
    labels = label_set(fields["label_set"])
    overrides = _mapping(path, "overrides", fields.get("overrides"))
    return LabelMap(
        name=path.stem,
        sha256=file_sha256(path),
        labels=labels,
        categories=_categories(path, "categories", fields["categories"], labels),
        corpora=tuple(fields.get("corpora") or ()),
        overrides={name: _categories(path, f"overrides.{name}", own, labels) for name, own in overrides.items()},
        unlabelled=fields.get("unlabelled", "drop"),
        complete=_mapping(path, "complete", fields.get("complete")),
        published=_mapping(path, "published", fields.get("published")),
    )


def _categories(path: Path, key: str, value: Any, labels: LabelSet) -> Categories:
    mapping = _mapping(path, key, value)
    unknown = sorted(set(mapping) - set(EMOTIONS))
    if unknown:
        raise ConfigError(f"label map {path}: {key} names unknown emotions", found=unknown, allowed=EMOTIONS)
    # what the label policy of training decides upon may pass through
    allowed = (*labels.classes, NO_AGREEMENT, OTHER)
    wrong = sorted({str(target) for target in mapping.values() if target is not None and target not in allowed})
    if wrong:
        raise ConfigError(
            f"label map {path}: {key} has classes that label set {labels.name!r} lacks", found=wrong, allowed=allowed
        )
    return mapping


def _mapping(path: Path, key: str, value: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise ConfigError(f"label map {path}: {key} must be a mapping", found=value)
    return value or {}
