"""Small random prediction tables and their truth. The numbers are synthetic."""

import numpy as np

from tests.manifests import manifest_from
from vibespeaker.labels import ATTRIBUTES, LabelSet
from vibespeaker.predictions import Predictions, PredictionsMetadata

SMALL = LabelSet("small", ("anger", "sadness", "neutral"))
IDS = tuple(f"c/{number}" for number in range(4))


def table(logits=None, attributes=None, ids=IDS, split="test3", labels=SMALL, system="one", **metadata) -> Predictions:
    splits = [split] * len(ids) if isinstance(split, str) else split
    names = [f"{name.removeprefix('c/')}.wav" for name in ids]
    made = PredictionsMetadata(labels.name, labels.classes, system, **metadata)
    return Predictions.build(ids, names, splits, logits, attributes, made)


def saved(tmp_path, **tables) -> list:
    paths = []
    for name, one in tables.items():
        one.write(tmp_path / f"{name}.parquet")
        paths.append(tmp_path / f"{name}.parquet")
    return paths


def development(tmp_path, speakers=8, each=30, seed=0, labels=SMALL):
    """Three noisy members of a development and a test split, and the manifest of truths. Synthetic numbers."""
    generator = np.random.default_rng(seed)
    size = speakers * each
    ids = [f"c/{number:04d}" for number in range(size + 20)]
    splits = ["development"] * size + ["test3"] * 20
    category = generator.integers(0, 3, len(ids))
    truth = generator.uniform(1, 7, (len(ids), 3))
    manifest = {
        "corpus": "c",
        "utterance_id": ids,
        "speaker": [f"c/{number // each}" for number in range(len(ids))],
        "split": splits,
        "category": [SMALL.classes[c] if s == "development" else None for c, s in zip(category, splits, strict=True)],
    } | {
        name: [v if s == "development" else None for v, s in zip(truth[:, i], splits, strict=True)]
        for i, name in enumerate(ATTRIBUTES)
    }
    manifest_from(manifest, label_set="small").write(tmp_path / "manifest.parquet")
    tables = {}
    for name, noise in (("good", 1.0), ("fair", 1.5), ("poor", 4.0)):
        logits = np.eye(len(labels))[category] + generator.normal(size=(len(ids), len(labels))) * noise
        values = np.clip(truth + generator.normal(size=truth.shape) * noise, 1, 7)
        tables[name] = table(logits, values, ids, splits, system=name, labels=labels)
    return saved(tmp_path, **tables), tmp_path / "manifest.parquet"
