"""Writes a tiny corpus with EmoDB's names and noise as speech."""

from pathlib import Path

import numpy as np
import soundfile


def write_emodb(root: Path, count: int = 6, seconds: float = 0.2) -> Path:
    """EmoDB's names with noise inside: speakers 03, 08, 09 …, one clip each."""
    speakers = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")
    root.mkdir(parents=True, exist_ok=True)
    for number, speaker in enumerate(speakers[:count]):
        noise = np.random.default_rng(number).normal(scale=0.1, size=int(16_000 * seconds))
        soundfile.write(root / f"{speaker}a01{'WLEAFTN'[number % 7]}a.wav", noise, 16_000)
    return root
