"""Small random tables and truths that several tests share. The numbers are synthetic."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tests.manifests import manifest_from
from vibespeaker.evaluation.statistics import System
from vibespeaker.evaluation.targets import Targets
from vibespeaker.labels import ATTRIBUTES, CHALLENGE, LabelSet
from vibespeaker.predictions import Predictions, PredictionsMetadata

CLASSES = CHALLENGE.classes


def targets_of(
    categories: Sequence[int], attributes: np.ndarray, speakers: Sequence[int], **columns: Sequence[object]
) -> Targets:
    size = len(categories)
    frame = pd.DataFrame(
        {
            "utterance_id": [f"c/{number}" for number in range(size)],
            **dict.fromkeys(("gender", "corpus", "language", "intensity"), [None] * size),
            **{name: np.full(size, np.nan) for name in ("duration", "level_db", "snr_db")},
            "split": ["development"] * size,
            "speaker": [f"c/{speaker}" for speaker in speakers],
            **columns,
        }
    )
    names = tuple(f"c/{speaker}" for speaker in range(max(speakers) + 1))
    return Targets(np.array(categories), np.asarray(attributes, float), np.array(speakers), names, frame)


def random_case(seed: int = 0, size: int = 60, speakers: int = 7, classes: int = 4, noise: float = 1.0):
    """Return targets and one system that is right more often than chance."""
    generator = np.random.default_rng(seed)
    categories = generator.integers(0, classes, size)
    attributes = generator.uniform(1, 7, (size, 3))
    logits = np.eye(classes)[categories] + generator.normal(size=(size, classes)) * noise
    answers = attributes + generator.normal(size=attributes.shape) * noise
    targets = targets_of(categories, attributes, np.sort(generator.integers(0, speakers, size)))
    return targets, System("one", logits.argmax(axis=1), answers)


def write_manifest(
    path: Path, size: int = 120, speakers: int = 12, seed: int = 0, labels: LabelSet = CHALLENGE
) -> None:
    """Write a manifest of a development split, and a training split of 20 in which sadness and 2, 3, 4 are usual."""
    generator = np.random.default_rng(seed)
    total = size + 20
    train = np.arange(total) >= size
    category = np.where(train, 1, generator.integers(0, len(labels), total))
    attributes = np.where(train[:, None], [2.0, 3.0, 4.0], generator.uniform(1, 7, (total, 3)))
    named = [labels.classes[index] for index in category]
    named[0] = "no_agreement"
    columns = {
        "corpus": "c",
        "name": [f"{number:03d}" for number in range(total)],
        "speaker": [f"c/{number % speakers}" for number in range(total)],
        "gender": ["female" if number % speakers < speakers // 2 else "male" for number in range(total)],
        "split": ["train" if one else "development" for one in train],
        "category": named,
        "duration": generator.uniform(1, 12, total).tolist(),
    } | {name: attributes[:, i].tolist() for i, name in enumerate(ATTRIBUTES)}
    manifest_from(columns, label_set=labels.name).write(path)


def write_predictions(
    path: Path,
    truth: pd.DataFrame,
    seed: int,
    noise: float = 1.0,
    system: str = "full",
    labels: LabelSet = CHALLENGE,
    **more,
) -> None:
    """Write noisy answers to the development split of a manifest's frame."""
    generator = np.random.default_rng(seed)
    development = truth[truth["split"] == "development"]
    right = np.array([[name == emotion for emotion in labels.classes] for name in development["category"]], float)
    logits = right * 2 + generator.normal(size=right.shape) * noise
    attributes = development[list(ATTRIBUTES)].to_numpy(float)
    answers = np.clip(attributes + generator.normal(size=attributes.shape) * noise, 1, 7)
    metadata = PredictionsMetadata(labels.name, labels.classes, system, **more)
    ids, names, splits = (list(development[name]) for name in ("utterance_id", "file_name", "split"))
    Predictions.build(ids, names, splits, logits, answers, metadata).write(path)
