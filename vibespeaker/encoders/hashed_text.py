"""Hashed words, the text encoder that needs no download.

A word's features are itself, its letter sequences, so that "happy" and "happily" lie close, and on demand the pair
with the word before. Each feature is hashed to a row of a fixed table of random signs; a word's frame is the
weighted sum of its rows (feature hashing, Weinberger et al. 2009; sub-words as in Bojanowski et al. 2017). Nothing is
learned, and nothing depends on Python's hash seed, NumPy's version or the machine.
"""

import json
import logging
import math
import re
import unicodedata
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vibespeaker.arguments.ranges import COUNT, SEED, Range, require
from vibespeaker.batch import Frames
from vibespeaker.encoders.base import Encoder, pad_frames
from vibespeaker.errors import ConfigError
from vibespeaker.provenance import Fingerprint, Modality

logger = logging.getLogger(__name__)

_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_PAIR_WEIGHT = 0.5
_LETTERS_WEIGHT = 0.5
_LETTERS = (3, 4, 5)
#: Widest frame, and largest table (dim · buckets), which takes as many bytes.
_WIDEST, _LARGEST = 8192, 1 << 26
#: Changes whenever the numbers change; part of the fingerprint.
_VERSION = 1


class HashedText(Encoder):
    """One frame per word or punctuation mark; values have about unit variance.

    Args:
        dim: width of a frame, a multiple of 8, at most 8192.
        buckets: rows of the table that features are hashed to; the table has at most 2^26 cells.
        pairs: whether a word's pair with the word before is one of its features. Pairs crowd the frames of a small
            table: pooled frames classify MELD's emotions no better with them than without.
        max_tokens: further words are cut off, counted in `truncated`.
        seed: picks the table.

    Attributes:
        truncated: texts that were cut off so far.

    Raises:
        ConfigError: an argument is out of range.
    """

    modality: Modality = "text"
    frames_per_second = None
    signs: Tensor

    def __init__(
        self, dim: int = 256, buckets: int = 16_384, pairs: bool = False, max_tokens: int = 512, seed: int = 0
    ) -> None:
        super().__init__()
        require(Range(8, _WIDEST, whole=True), dim=dim)
        require(COUNT, buckets=buckets, max_tokens=max_tokens)
        require(SEED, seed=seed)
        if dim % 8 or dim * buckets > _LARGEST:
            allowed = f"dim a multiple of 8, dim · buckets at most {_LARGEST}"
            raise ConfigError("the table of HashedText cannot be made", found=f"{dim} · {buckets}", allowed=allowed)
        self.settings = {"dim": dim, "buckets": buckets, "pairs": pairs, "max_tokens": max_tokens, "seed": seed}
        self.dim = dim
        self.buckets = buckets
        self.pairs = pairs
        self.max_tokens = max_tokens
        self.truncated = 0
        raw = np.random.Philox(seed).random_raw(buckets * dim // 64 + 1)  # raw bits: the same in every NumPy
        bits = np.unpackbits(raw.astype("<u8").view(np.uint8))[: buckets * dim]
        self.register_buffer("signs", torch.from_numpy(bits.reshape(buckets, dim).astype(np.int8)) * 2 - 1, False)

    def fingerprint(self) -> Fingerprint:
        """Return class, version and settings; the table follows from them."""
        settings = json.dumps(self.settings, sort_keys=True)
        return Fingerprint({"class": "HashedText", "version": str(_VERSION), "preprocessing": settings})

    @torch.no_grad()
    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Encode texts: one frame of `dim` values per token; an empty text is one frame of zeros."""
        return pad_frames([self._encode(str(text)) for text in inputs])

    def _encode(self, text: str) -> Tensor:
        words = tokens(text)
        if len(words) > self.max_tokens:
            self.truncated += 1
            logger.warning("text of %d tokens cut to %d (%d so far)", len(words), self.max_tokens, self.truncated)
            words = words[: self.max_tokens]
        if not words:
            return torch.zeros(1, self.dim, device=self.signs.device)
        rows, weights, owners = [], [], []
        for position, word in enumerate(words):
            features = _features(word, words[position - 1] if position else "") if self.pairs else _features(word, None)
            rows += [zlib.crc32(feature.encode()) % self.buckets for feature, _ in features]
            weights += [weight for _, weight in features]
            owners += [position] * len(features)
        device = self.signs.device
        weighted = self.signs[torch.tensor(rows, device=device)] * torch.tensor(weights, device=device)[:, None]
        frames = torch.zeros(len(words), self.dim, device=device)
        return frames.index_add_(0, torch.tensor(owners, device=device), weighted)


def tokens(text: str) -> list[str]:
    """Split a text into lower-case words and punctuation marks, Unicode-normalised (NFKC)."""
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold())


def _features(word: str, previous: str | None) -> list[tuple[str, float]]:
    """Return features with weights; their squares sum to one, whatever the word's length."""
    bounded = f"<{word}>"
    letters = [bounded[i : i + size] for size in _LETTERS for i in range(len(bounded) - size + 1)]
    features = [(f"w:{word}", 1.0)]
    if previous is not None:
        features.append((f"p:{previous} {word}", _PAIR_WEIGHT))
    features += [(f"l:{part}", _LETTERS_WEIGHT / math.sqrt(len(letters))) for part in letters]
    norm = math.sqrt(sum(weight**2 for _, weight in features))
    return [(feature, weight / norm) for feature, weight in features]
