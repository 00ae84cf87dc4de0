"""What splits are read from: a cache, audio and texts, or both side by side."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vibespeaker.audio.augmentation import AugmentationRecipe
from vibespeaker.cache import EmbeddingCache
from vibespeaker.cache.keys import Contents
from vibespeaker.data.dataset import CachedSplit, LiveSplit, MixedSplit, Rows
from vibespeaker.data.epoch_items import entries_of
from vibespeaker.data.live_views import make_live_views
from vibespeaker.data.source import Sources
from vibespeaker.data.targets import Targets
from vibespeaker.manifest import Manifest


@dataclass(frozen=True)
class SplitInputs:
    """All that the splits of an experiment are read from.

    Args:
        manifest: with the columns that live encoders read, where there are any.
        targets: of every row.
        sources: where frames come from.
        cache: the embedding cache; None without.
        contents: encoder name → `(rows, 32)` hashes by which its frames are found in the cache.
        names: from row numbers to what an error calls the utterances.
        augmentation: recipe of the views of live audio; None for clean audio.
        views: how many views there are, as configured; None for all of the cache, or for fresh ones.
        seed: of the run.
    """

    manifest: Manifest
    targets: Targets
    sources: Sources
    cache: EmbeddingCache | None
    contents: Mapping[str, Contents]
    names: Callable[[Rows], list[str]]
    augmentation: AugmentationRecipe | None
    views: int | None
    seed: int

    @property
    def hears(self) -> bool:
        """True when encoders inside the model hear audio."""
        return "audio" in self.sources.modalities() or (self.cache is None and not self.sources.live)

    @property
    def view_count(self) -> int:
        """Augmented views that training draws from, beside the clean one."""
        if self.views is not None:
            return self.views
        return 0 if self.cache is None else self.cache.views

    @property
    def are_views_fresh(self) -> bool:
        """True when every epoch makes views of its own."""
        return self.cache is None and self.augmentation is not None and self.views is None

    def split(self, rows: Rows, drawn: Rows | None, is_training: bool) -> CachedSplit | LiveSplit | MixedSplit:
        """Return what reads a split.

        Args:
            rows: `(N,)` row numbers, an utterance perhaps several times.
            drawn: `(N,)` the one view of each, instead of one that is drawn.
            is_training: whether views are drawn where none are given.

        Raises:
            CacheError: something is not in the cache.
            ConfigError: views are wanted of live audio without the recipe.
        """
        views = self.view_count if is_training and drawn is None else 0
        cached = None if self.cache is None else self._cached(rows, views, drawn)
        if cached is not None and not self.sources.live:
            return cached
        heard = None
        if self.hears:
            augmented = views > 0 or (drawn is not None and bool(drawn.any()))
            seed = self.seed if self.are_views_fresh and drawn is None else None
            heard = make_live_views(self.augmentation, self.cache, seed, augmented)
        modalities = self.sources.modalities() or {"audio", "text"}
        live = LiveSplit(self.manifest, rows, self.targets, modalities, heard, drawn)
        return live if cached is None else MixedSplit(cached, live)

    def _cached(self, rows: Rows, views: int, drawn: Rows | None) -> CachedSplit:
        assert self.cache is not None

        def names(at: Rows) -> list[str]:
            return self.names(rows[at])

        entries = {}
        for name in self.sources.cached:
            entries[name] = entries_of(self.cache, name, self.contents[name][rows], views, drawn, names)
        return CachedSplit(self.cache, rows, self.targets, entries)
