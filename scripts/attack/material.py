"""The material of the attacks, made by the checkout's own commands: recordings, manifest, cache, run, predictions."""

import math
import struct
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

CLASSES = ("anger", "sadness", "happiness", "surprise", "fear", "disgust", "contempt", "neutral")
PER_SPLIT = 8
#: Small, and the same in every version.
TASK = """\
model:
  class_path: vibespeaker.tasks.EmotionTask
  init_args:
    network:
      class_path: vibespeaker.models.MultiEncoderModel
      init_args:
        pooling: vibespeaker.models.AttentiveStatisticsPooling
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
  devices: 1
  max_epochs: 1
  enable_progress_bar: false
  enable_model_summary: false
"""
ENCODERS = """\
sound: {class_path: vibespeaker.encoders.AcousticDescriptors, init_args: {mels: 8}}
words: {class_path: vibespeaker.encoders.HashedText, init_args: {dim: 8}}
"""


def make(folder: Path, call: Callable[..., Any]) -> str:
    """Make everything in a folder; return what went wrong.

    `audio/`, `manifest.parquet`, `encoders.yaml`, `cache/`, `task.yaml`, `runs/whole/`, `predictions.parquet`.
    """
    rows = [
        {"split": split, "category": CLASSES[number % 8], "name": f"{split}-{number}"}
        for split in ("train", "validation", "development", "test")
        for number in range(PER_SPLIT)
    ]
    (folder / "audio").mkdir()
    for number, row in enumerate(rows):
        write_tone(folder / "audio" / f"{row['name']}.wav", 200 + 20 * number)
    manifest_of(rows, folder / "audio").write(folder / "manifest.parquet")
    lines = [f"audio/{row['name']}.wav,{row['category']}" for row in rows]
    (folder / "table.csv").write_text("\n".join(["audio,emotion", *lines]) + "\n")
    (folder / "encoders.yaml").write_text(ENCODERS)
    (folder / "task.yaml").write_text(TASK)
    commands = [
        ["extract", folder / "manifest.parquet", "--encoders", folder / "encoders.yaml", "--out", folder / "cache"],
        ["fit", *training(folder), "--name", "whole"],
        [
            *("predict", *training(folder), "--name", "whole", "--ckpt_path", "last"),
            *("--out", folder / "predictions.parquet", "--data.init_args.splits.predict", "[development,test]"),
        ],
    ]
    for command in commands:
        outcome = call(*command, seconds=240)
        if outcome.status != 0:
            if "splits" in command[-2]:  # what it was called before
                command[-2] = command[-2].replace("splits", "parts")
                outcome = call(*command, seconds=240)
            if outcome.status != 0:
                return f"{command[0]}: {outcome}"
    return ""


def training(folder: Path) -> list[object]:
    """Return options of `fit` and `predict`."""
    data = "--data.init_args"
    return [
        *("--config", folder / "task.yaml", "--data=vibespeaker.data.EmotionDataModule"),
        *(f"{data}.manifest={folder / 'manifest.parquet'}", f"{data}.cache={folder / 'cache'}"),
        *("--runs", folder / "runs"),
    ]


def manifest_of(rows: list[dict[str, Any]], root: Path) -> Any:
    """Return a manifest; a row names `name`, `split`, `category`, and whatever else is not made up."""
    from vibespeaker.manifest import SCHEMA, ManifestMetadata, build

    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    for number, row in enumerate(rows):
        name = row["name"]
        made = {
            "utterance_id": f"toy/{name}",
            "corpus": "toy",
            "audio": f"{name}.wav",
            "file_name": f"{name}.wav",
            "speaker": f"toy/{row.get('split')}-{number % 4}",
            "language": "en",
            "text": f"this is number {number}",
            "text_origin": "human",
            "duration": 0.5,
            **{attribute: 1.0 + (number % 7) for attribute in ("arousal", "valence", "dominance")},
            "votes": [],
            **{key: value for key, value in row.items() if key != "name"},
        }
        path = root / made["audio"]
        if path.is_file():
            made.setdefault("audio_sha256", _sha256(path))
        for column in SCHEMA.names:
            columns[column].append(made.get(column))
    return build(columns, ManifestMetadata(root=str(root), label_set="challenge", corpora=("toy",), synthetic=True))


def write_tone(path: Path, hertz: float, seconds: float = 0.5) -> None:
    """Write a tone of 16 kHz."""
    samples = [int(8000 * math.sin(2 * math.pi * hertz * n / 16000)) for n in range(int(16000 * seconds))]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()
