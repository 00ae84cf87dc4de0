"""Extraction: the frozen encoders run once over a manifest and their frames go to the cache."""

from vibespeaker.extract.command import extract

__all__ = ["extract"]
