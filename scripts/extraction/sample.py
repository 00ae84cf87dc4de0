"""A sample of recordings: noise whose lengths are distributed as those of real speech."""

from pathlib import Path

import numpy as np

from vibespeaker.audio.files import examine, write_audio
from vibespeaker.manifest import Manifest, ManifestMetadata, build
from vibespeaker.utterance import SAMPLE_RATE


def make_sample(folder: Path, clips: int, mean: float) -> Manifest:
    """Write noise of log-normal lengths and return its manifest."""
    draw = np.random.default_rng(0)
    seconds = np.clip(draw.lognormal(np.log(mean) - 0.5 * 0.45**2, 0.45, clips), 0.5, 30)
    names = [f"{number:05d}.wav" for number in range(clips)]
    for name, length in zip(names, seconds, strict=True):
        write_audio(folder / name, draw.normal(0, 0.1, int(length * SAMPLE_RATE)).astype(np.float32))
    facts = [examine(folder / name) for name in names]
    columns = {
        "utterance_id": [f"noise/{name[:-4]}" for name in names],
        "corpus": ["noise"] * clips,
        "audio": names,
        "file_name": names,
        "speaker": ["noise/one"] * clips,
        "language": ["en"] * clips,
        "text": [None] * clips,
        "duration": [fact.duration for fact in facts],
        "audio_sha256": [fact.sha256 for fact in facts],
    }
    return build(columns, ManifestMetadata(root=str(folder), label_set="challenge", corpora=("noise",)))
