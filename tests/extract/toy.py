"""Small encoders whose frames can be computed by hand, and a small corpus of noise for them."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from tests.manifests import manifest_of
from tests.recordings import record
from vibespeaker.batch import Frames
from vibespeaker.encoders.base import Encoder, pad_frames
from vibespeaker.extract import extract
from vibespeaker.manifest import Manifest
from vibespeaker.provenance import Fingerprint

STRIDE = 1_600


class StridedFrames(Encoder):
    """Every 0.1 s a frame of the next three samples: `(ceil(samples / 1600), 3)`.

    Args:
        salt: changes the fingerprint only.
        delay: seconds that each batch takes.
        log: file that gets one line per clip.
        scale: factor on the frames.
        invariant: value of `batch_invariant`; when False, batches of unequal length are refused.
    """

    modality = "audio"
    dim = 3
    frames_per_second = 10.0

    def __init__(
        self,
        salt: str = "",
        delay: float = 0.0,
        log: str | None = None,
        scale: float = 1.0,
        invariant: bool = True,
    ) -> None:
        super().__init__()
        self.salt, self.delay, self.log, self.scale = salt, delay, log, scale
        self.batch_invariant = invariant

    def fingerprint(self) -> Fingerprint:
        return Fingerprint({"kind": "strided", "salt": self.salt, "scale": str(self.scale)})

    def forward(self, inputs: Sequence[Tensor]) -> Frames:
        time.sleep(self.delay)
        if not self.batch_invariant:
            assert len({len(waveform) for waveform in inputs}) == 1
        if self.log is not None:
            with open(self.log, "ab", buffering=0) as file:
                file.write(b"".join(b"%.8e\n" % float(waveform.double().sum()) for waveform in inputs))
        return pad_frames([strided(waveform) * self.scale for waveform in inputs])


class WordFrames(Encoder):
    """One frame per word: its letters and its place; the empty text gives one frame of zeros."""

    modality = "text"
    dim = 2
    frames_per_second = None

    def fingerprint(self) -> Fingerprint:
        return Fingerprint({"kind": "words"})

    def forward(self, inputs: Sequence[str]) -> Frames:
        return pad_frames([worded(text) for text in inputs])


def strided(waveform: Tensor) -> Tensor:
    """The frames of `StridedFrames`."""
    frames = -(-len(waveform) // STRIDE)
    padded = torch.nn.functional.pad(waveform, (0, frames * STRIDE - len(waveform)))
    return padded.reshape(frames, STRIDE)[:, :3].contiguous()


def worded(text: str) -> Tensor:
    """The frames of `WordFrames`."""
    words = text.split()
    return torch.tensor([[len(word), place] for place, word in enumerate(words)] or [[0, 0]], dtype=torch.float32)


def spec(kind: str, **init_args: Any) -> dict[str, Any]:
    """A specification of one of these encoders."""
    return {"class_path": f"tests.extract.toy.{kind}", "init_args": init_args}


def write_specs(path: Path, **specs: dict[str, Any]) -> Path:
    """Write an encoder file."""
    path.write_text(yaml.safe_dump(specs))
    return path


def make_corpus(
    folder: Path, clips: int, seed: int = 0, max_samples: int = 12_000, texts: Sequence[str | None] = ("so it is", None)
) -> Path:
    """Write noise recordings and their manifest: clip 3 repeats clip 1, each fourth is in the validation split."""
    generator = np.random.default_rng(seed)
    sounds = [generator.normal(0, 0.1, generator.integers(400, max_samples)) for _ in range(clips)]
    sounds[3:4] = sounds[1:2] if clips > 3 else []
    rows = [
        record(folder, f"clip{number:03}", sound)
        | {"speaker": "toy/one", "split": "validation" if number % 4 == 2 else "train"}
        | {"text": texts[number % len(texts)]}
        for number, sound in enumerate(sounds)
    ]
    manifest = manifest_of(rows, str(folder), "challenge")
    path = folder / "manifest.parquet"
    manifest.write(path)
    return path


def all_frames(cache: Path, encoder: str) -> dict[tuple[bytes, int], bytes]:
    """Everything that a finished cache holds of an encoder: (content, view) → bytes."""
    from vibespeaker.cache import EmbeddingCache
    from vibespeaker.cache.index import Index

    opened = EmbeddingCache.open(cache)
    index = Index.read(cache / encoder / "index.parquet")
    return {
        (index.contents[entry].tobytes(), int(index.views[entry])): opened.read(encoder, entry)
        .view(torch.uint8)
        .numpy()
        .tobytes()
        for entry in range(len(index))
    }


def read(path: Path) -> Manifest:
    """Shorthand."""
    return Manifest.read(path)


def run(corpus: Path, sound: dict | None = None, **options: object) -> int:
    """Extract one encoder, named sound, into `corpus/cache`."""
    specs = write_specs(corpus / "encoders.yaml", sound=sound or spec("StridedFrames"))
    return extract(corpus / "manifest.parquet", specs, corpus / "cache", **{"shard_size": 3, **options})
