"""The embedding cache: frames of frozen encoders on disk, addressed by content, read at random without a copy."""

from vibespeaker.cache.records import CacheRecipe, EncoderRecord
from vibespeaker.cache.store import EmbeddingCache

__all__ = ["CacheRecipe", "EmbeddingCache", "EncoderRecord"]
