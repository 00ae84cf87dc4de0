"""Augmented views of audio that is encoded inside the model: those of a cache, or fresh ones in every epoch."""

from dataclasses import dataclass
from typing import Any

from vibespeaker.audio.augmentation import Augmentation, AugmentationRecipe
from vibespeaker.audio.augmentation.views import Waveform
from vibespeaker.cache import EmbeddingCache
from vibespeaker.errors import ConfigError


@dataclass(frozen=True)
class LiveViews:
    """Draws views of recordings.

    A view is a function of recipe, recording and number alone, whatever process draws it. Views of a fixed number are
    those that `extract` makes with the same recipe.

    Args:
        augmentation: what may happen to a recording.
        seed: that of a run's fresh views; None for views of a fixed number.
    """

    augmentation: Augmentation
    seed: int | None = None

    def draw(self, waveform: Waveform, content: bytes, view: int) -> Waveform:
        """Return a view of a recording, `(samples,)`.

        Args:
            waveform: the clean one.
            content: SHA-256 of its content.
            view: its number; of fresh views, the epoch's, counted from 1.
        """
        own = content if self.seed is None else content + self.seed.to_bytes(8, "little")
        return self.augmentation.view(waveform, own, view)


def make_live_views(
    recipe: AugmentationRecipe | None, cache: EmbeddingCache | None, seed: int | None, augmented: bool
) -> LiveViews | None:
    """Return what draws the views of live audio, None where all is clean.

    Args:
        recipe: what may happen to it; None for nothing.
        cache: whose frames are read beside it, of the same view.
        seed: of the run, for fresh views; None for views of a fixed number.
        augmented: whether other views than the clean one of fixed numbers are wanted.

    Raises:
        ConfigError: views are wanted, but the recipe is lacking or is not that of the cache.
    """
    if recipe is None:
        if augmented:
            raise ConfigError(
                "augmented views are drawn, but encoders inside the model would hear the clean recordings",
                remedy="set data.init_args.augmentation to the recipe, or data.init_args.views to 0 and "
                "data.init_args.plan to null",
            )
        return None
    if cache is not None and augmented and cache.recipe.augmentation != recipe.identity():
        raise ConfigError(
            "data.init_args.augmentation is not the recipe of the cache: encoders would hear different views",
            found=_difference(recipe.identity(), cache.recipe.augmentation),
            remedy="give the recipe that vibespeaker extract was given, or set data.init_args.views to 0",
        )
    return LiveViews(Augmentation(recipe), seed)


def _difference(ours: dict[str, Any], theirs: Any) -> str:
    known = theirs or {}
    return ", ".join(name for name, value in ours.items() if known.get(name) != value) or "another recipe"
