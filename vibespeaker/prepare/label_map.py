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
from typing import Literal

from vibespeaker.config_files import find_config
from vibespeaker.config_files.typed import read_as
from vibespeaker.errors import ConfigError
from vibespeaker.files import file_sha256
from vibespeaker.labels import EMOTIONS, NO_AGREEMENT, OTHER, LabelSet, label_set

Categories = Mapping[str, str | None]
Counts = Mapping[str, Mapping[str, int]]


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


@dataclass(frozen=True)
class _Written:
    """A label map as its file has it."""

    label_set: str
    categories: Categories
    corpora: tuple[str, ...] = ()
    overrides: Mapping[str, Categories] = field(default_factory=dict)
    unlabelled: Literal["drop", "keep"] = "drop"
    complete: Counts = field(default_factory=dict)
    published: Mapping[str, Counts] = field(default_factory=dict)


def read_label_map(name: str) -> LabelMap:
    """Read and check a label map.

    Args:
        name: path, or the name of a shipped one such as `corpora/seven`.

    Raises:
        ConfigError: the file is missing or cannot be parsed, or a key or value is wrong; names it.
    """
    path = find_config(name)
    written = read_as(path, _Written)
    labels = label_set(written.label_set)
    for key, mapping in {"categories": written.categories, **_named("overrides", written.overrides)}.items():
        _check_categories(f"label map {path}: {key}", mapping, labels)
    return LabelMap(
        name=path.stem,
        sha256=file_sha256(path),
        labels=labels,
        categories=written.categories,
        corpora=written.corpora,
        overrides=written.overrides,
        unlabelled=written.unlabelled,
        complete=written.complete,
        published=written.published,
    )


def _named(key: str, mappings: Mapping[str, Categories]) -> dict[str, Categories]:
    return {f"{key}.{name}": mapping for name, mapping in mappings.items()}


def _check_categories(place: str, mapping: Categories, labels: LabelSet) -> None:
    unknown = sorted(set(mapping) - set(EMOTIONS))
    if unknown and not labels.is_own:
        raise ConfigError(f"{place} names unknown emotions", found=unknown, allowed=EMOTIONS)
    # what the label policy of training decides upon may pass through
    allowed = (*labels.classes, NO_AGREEMENT, OTHER)
    wrong = sorted({str(target) for target in mapping.values() if target is not None and target not in allowed})
    if wrong:
        raise ConfigError(f"{place} has classes that label set {labels.name!r} lacks", found=wrong, allowed=allowed)
