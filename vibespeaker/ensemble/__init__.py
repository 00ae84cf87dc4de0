"""Several prediction tables into one: means, votes, selections and stacking, each with an unbiased score."""

from vibespeaker.ensemble.command import ensemble

__all__ = ["ensemble"]
