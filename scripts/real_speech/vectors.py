"""What the members in closed form read: one vector for each clip and view, whatever frames it is made of."""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from real_speech.corpora import Corpus
from vibespeaker.baselines.features import read_features
from vibespeaker.cache import EmbeddingCache
from vibespeaker.config_files import find_config
from vibespeaker.config_files.yaml_text import read_mapping
from vibespeaker.encoders.base import pad_frames
from vibespeaker.manifest import Manifest
from vibespeaker.models import FisherVectors

NETWORK = read_mapping(find_config("embedded", "model"))["model"]["init_args"]["network"]["init_args"]
#: The members that are found in closed form: of one frame per clip, and of many.
WHOLE, FITTED = ("functionals", "convolutions"), "contours"
SOLVED = (*WHOLE, FITTED)
_fisher_vectors = partial(FisherVectors, **NETWORK["poolings"][FITTED]["init_args"])


class Vectors:
    """Read once; what is fitted to a training split is made for each.

    Args:
        corpus: extracted.
        manifest: of all its clips.
    """

    def __init__(self, corpus: Corpus, manifest: Manifest) -> None:
        cache = EmbeddingCache.open(corpus.cache)
        entries = {name: [cache.entries(name, manifest, view) for view in range(cache.views + 1)] for name in SOLVED}
        self._whole = {
            name: torch.from_numpy(np.stack([read_features(cache, name, view, "frame") for view in entries[name]], 1))
            for name in WHOLE
        }
        self._frames = [[cache.read(FITTED, int(entry)) for entry in view] for view in entries[FITTED]]

    def of(self, split: np.ndarray) -> dict[str, Tensor]:
        """Return each member's `(clips, views, D)` vectors, the clean view first; clips of no split are there, too."""
        training = np.flatnonzero(split == "train")
        pooling = _fisher_vectors(self._frames[0][0].shape[1])
        pooling.fit(pad_frames([view[row] for view in self._frames]) for row in training)
        pooled = [torch.cat([pooling(pad_frames([clip])) for clip in view]) for view in self._frames]
        return {**self._whole, FITTED: torch.stack(pooled, 1)}
