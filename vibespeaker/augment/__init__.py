"""Augmented views of recordings: a recipe, and the seeded views drawn from it."""

from vibespeaker.augment.recipe import AugmentationRecipe, read_recipe
from vibespeaker.augment.views import Augmentation

__all__ = ["Augmentation", "AugmentationRecipe", "read_recipe"]
