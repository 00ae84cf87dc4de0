"""A tiny manifest and embedding cache, made in code: frames whose mean tells the category and the attributes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tests.manifests import manifest_from
from vibespeaker.cache.merge import merge_index
from vibespeaker.cache.precision import to_stored
from vibespeaker.cache.records import CacheRecipe, EncoderRecord, write_recipe, write_record
from vibespeaker.cache.shards import Entry, write_shard
from vibespeaker.labels import CHALLENGE
from vibespeaker.manifest import Manifest
from vibespeaker.provenance import Fingerprint, Modality

CLASSES = CHALLENGE.classes
VIEWS = 1
Width = tuple[Modality, int]
ENCODERS: dict[str, Width] = {"hear": ("audio", 6), "read": ("text", 4)}


@dataclass(frozen=True)
class Toy:
    """Where the toy lies.

    Args:
        manifest: table of utterances.
        cache: embedding cache with `hear` (audio, 6 wide, one augmented view) and `read` (text, 4 wide).
    """

    manifest: Path
    cache: Path

    def arguments(self) -> list[str]:
        """Command line that reads it."""
        return [
            "--data=vibespeaker.tasks.EmotionDataModule",
            f"--data.init_args.manifest={self.manifest}",
            f"--data.init_args.cache={self.cache}",
        ]


def toy_manifest(splits: dict[str, int], others: int = 0, seed: int = 0, root: str = ".") -> Manifest:
    """Return a manifest with `splits` (name → utterances), classes in turn; the last `others` of train are X and O.

    A third has no gender. Of two raters one calls all voices tense and warm, the other half of them either.
    """
    random = np.random.default_rng(seed)
    names = [split for split, count in splits.items() for _ in range(count)]
    categories: list[str | None] = [CLASSES[i % len(CLASSES)] for i in range(len(names))]
    for i in range(others):
        categories[splits["train"] - 1 - i] = ("no_agreement", "other")[i % 2]
    attributes = {
        name: random.uniform(1, 7, len(names)).round(3).tolist() for name in ("arousal", "valence", "dominance")
    }
    votes: list[list[dict]] = [
        [{"rater": "r1", "primary": c, "secondary": ["tense", "warm"]}, {"rater": "r2", "primary": "neutral"}]
        for c in categories
    ]
    for i in range(0, len(names), 2):
        votes[i][1]["secondary"] = [("tense", "warm")[i // 2 % 2]]
    for i, split in enumerate(names):
        if split.startswith("test") and split != "test":  # hidden labels
            categories[i] = None
            votes[i] = []
            for values in attributes.values():
                values[i] = None
    columns = {
        "name": [f"{i:03d}" for i in range(len(names))],
        "speaker": [f"toy/{name}{i % 5}" for i, name in enumerate(names)],
        "gender": [("female", "male", None)[i % 3] for i in range(len(names))],
        "split": names,
        "text": [f"utterance number {i}" for i in range(len(names))],
        "text_origin": "human",
        "category": categories,
        "votes": votes,
        "duration": random.uniform(0.5, 3.0, len(names)).tolist(),
        "audio_sha256": [hashlib.sha256(f"audio {i}".encode()).hexdigest() for i in range(len(names))],
        **attributes,
    }
    return manifest_from(columns, root, synthetic=True)


def make_toy(
    folder: Path,
    splits: dict[str, int],
    others: int = 0,
    seed: int = 0,
    encoders: Mapping[str, Width] = ENCODERS,
    dtype: str = "bfloat16",
) -> Toy:
    """Write manifest and cache into `folder`."""
    manifest = toy_manifest(splits, others, seed)
    toy = Toy(folder / "manifest.parquet", folder / "cache")
    manifest.write(toy.manifest)
    write_cache(toy.cache, manifest, seed, encoders, dtype)
    return toy


def write_cache(
    path: Path,
    manifest: Manifest,
    seed: int = 0,
    encoders: Mapping[str, Width] = ENCODERS,
    dtype: str = "bfloat16",
) -> None:
    """Write frames for every row: class and attributes shift the mean, everything else is noise."""
    random = torch.Generator().manual_seed(seed)
    path.mkdir(parents=True)
    write_recipe(path, CacheRecipe(augmentation={"kind": "toy"}, views=VIEWS))
    frame = manifest.frame(["category", "arousal", "valence", "audio_sha256", "text"])
    for name, (modality, dim) in encoders.items():
        fingerprint = Fingerprint({"weights": f"toy {name}"})
        rate = 50.0 if modality == "audio" else None
        spec = {"class_path": f"toy.{name}", "init_args": {}}
        record = EncoderRecord(name, modality, dim, rate, dtype, fingerprint, spec)
        write_record(path / name, record)
        entries = []
        for row in frame.itertuples():
            digest = row.audio_sha256 if modality == "audio" else hashlib.sha256(row.text.encode()).hexdigest()
            length = int(torch.randint(3, 20, (), generator=random))
            for view in range(VIEWS + 1 if modality == "audio" else 1):
                frames = torch.randn(length, dim, generator=random)
                frames[:, 0] += CLASSES.index(row.category) if row.category in CLASSES else 0
                frames[:, 1] += 0.0 if np.isnan(row.arousal) else row.arousal
                frames[:, 2] += 0.0 if np.isnan(row.valence) else row.valence
                frames[:, 3] += 10.0 * view
                entries.append(Entry(bytes.fromhex(digest), view, to_stored(frames, dtype)))
        write_shard(path / name, "0", entries, record.dtype, record.identity)
        merge_index(path / name, record.identity)


#: Of a shipped experiment, what the machine of the test lacks or nobody watches.
ON_A_PROCESSOR = [
    "--trainer.accelerator=cpu",
    "--trainer.devices=1",
    "--trainer.precision=32-true",
    "--trainer.enable_progress_bar=false",
    "--trainer.enable_model_summary=false",
]
#: A network small enough for tests, without dropout and batch norm, and the challenge system's loss.
SMALL_TASK = """\
model:
  class_path: vibespeaker.tasks.EmotionTask
  init_args:
    network:
      class_path: vibespeaker.models.multi_encoder.MultiEncoderModel
      init_args:
        pooling: vibespeaker.models.pooling.MeanPooling
        projection_dim: 8
        lstm_dim: 8
    loss:
      terms:
        attributes: {class_path: vibespeaker.losses.AttributeMSE}
        categories: {class_path: vibespeaker.losses.CrossEntropy}
      weights: {attributes: 0.25, categories: 0.75}
    optimizer: {class_path: torch.optim.AdamW, init_args: {lr: 0.01}}
trainer:
  accelerator: cpu
  max_epochs: 2
  devices: 1
  enable_progress_bar: false
  enable_model_summary: false
"""
