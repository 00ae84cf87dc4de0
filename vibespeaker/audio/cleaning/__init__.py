"""Cleaned recordings: a recipe of optional steps, and what each step took away."""

from vibespeaker.audio.cleaning.recipe import CleaningRecipe, cleaning_of
from vibespeaker.audio.cleaning.steps import Cleaned, clean_audio

__all__ = ["Cleaned", "CleaningRecipe", "clean_audio", "cleaning_of"]
