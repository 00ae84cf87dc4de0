"""Augmented views of recordings: a recipe, and the seeded views drawn from it."""

from vibespeaker.audio.augmentation.recipe import AugmentationRecipe, read_recipe
from vibespeaker.audio.augmentation.views import Augmentation

__all__ = ["Augmentation", "AugmentationRecipe", "read_recipe"]
