"""Vectors of utterances out of a cache."""

import numpy as np
import numpy.typing as npt
import torch

from vibespeaker.baselines.summaries import Features, Summary, summarised
from vibespeaker.batch import Frames
from vibespeaker.cache import EmbeddingCache
from vibespeaker.cache.precision import dequantized
from vibespeaker.progress import tracked

Entries = npt.NDArray[np.int64]


def read_features(cache: EmbeddingCache, encoder: str, entries: Entries, summary: Summary) -> Features:
    """Read one encoder's vectors of utterances from a cache.

    Args:
        cache: where the frames are.
        encoder: its name.
        entries: `(N,)` the utterances' entry numbers.
        summary: see `Summary`.

    Returns:
        `(N, dim)` or `(N, 2 · dim)`.
    """
    rows = []
    with tracked(f"reading {encoder}", len(entries), "clips") as progress:
        for entry in entries.tolist():
            stored = cache.read(encoder, entry)[None]
            values = dequantized(stored) if stored.dtype == torch.int8 else stored
            rows.append(summarised(Frames(values, torch.tensor([values.shape[1]])), summary)[0].numpy())
            progress.advance()
    return np.stack(rows)
