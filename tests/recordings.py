"""Recordings made in code, and what a manifest says of them."""

from pathlib import Path
from typing import Any

import numpy as np

from vibespeaker.audio.files import examine, write_audio

RATE = 16_000


def write_noise(path: Path, seed: int, samples: int = 3_200) -> None:
    """Write white noise of so many samples at 16 kHz; a seed stands for one recording."""
    write_audio(path, np.random.default_rng(seed).normal(scale=0.1, size=samples).astype(np.float32))


def record(folder: Path, name: str, samples: np.ndarray, rate: int = RATE) -> dict[str, Any]:
    """Write `name.wav` and return its row for `manifests.manifest_of`."""
    path = folder / f"{name}.wav"
    write_audio(path, samples.astype(np.float32), rate)
    facts = examine(path)
    return {"name": name, "audio": path.name, "duration": facts.duration, "audio_sha256": facts.sha256}
