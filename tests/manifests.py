"""Manifests made in code: what a test does not name is filled with plain values."""

from collections.abc import Mapping, Sequence
from typing import Any

from vibespeaker.manifest import Manifest, ManifestMetadata, build


def manifest_of(
    rows: Sequence[Mapping[str, Any]], root: str = "/data/corpus", label_set: str = "ravdess", **metadata: Any
) -> Manifest:
    """Return a manifest of rows that name `corpus`, `name` and whatever else is known; the rest is made up."""
    columns: dict[str, list[Any]] = {}
    for number, row in enumerate(rows):
        corpus, name = row.get("corpus", "toy"), row.get("name", f"{number:05d}")
        full = {
            "utterance_id": f"{corpus}/{name}",
            "corpus": corpus,
            "audio": f"{name}.wav",
            "file_name": f"{name}.wav",
            "speaker": f"{corpus}/{number}",
            "language": "en",
            "votes": [],
            **{key: value for key, value in row.items() if key != "name"},
        }
        for key in {*full, *columns}:
            columns.setdefault(key, [None] * number).append(full.get(key))
    corpora = tuple(dict.fromkeys(columns["corpus"]))
    return build(columns, ManifestMetadata(root=root, label_set=label_set, **{"corpora": corpora, **metadata}))


def manifest_from(
    columns: Mapping[str, Any], root: str = ".", label_set: str = "challenge", **metadata: Any
) -> Manifest:
    """Return a manifest of columns, see `manifest_of`; a list has a value for each row, anything else holds for all."""
    (size,) = {len(values) for values in columns.values() if isinstance(values, list)}
    full = {key: values if isinstance(values, list) else [values] * size for key, values in columns.items()}
    rows = [dict(zip(full, values, strict=True)) for values in zip(*full.values(), strict=True)]
    return manifest_of(rows, root, label_set, **metadata)


def counted(corpus: str, counts: Mapping[str, int], speakers: int, label_set: str = "iemocap") -> Manifest:
    """Return a manifest with so many utterances of each emotion, speakers in turn."""
    rows = [
        {
            "corpus": corpus,
            "name": f"{emotion}{number:05d}",
            "category": emotion,
            "speaker": f"{corpus}/{number % speakers}",
        }
        for emotion, count in counts.items()
        for number in range(count)
    ]
    return manifest_of(rows, root=f"/data/{corpus}", label_set=label_set)
