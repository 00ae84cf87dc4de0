"""Reliable scores: intervals, balanced scores, comparisons, cross-fitting and slices, from tables alone."""

from vibespeaker.evaluation.scores import Comparison, Evaluation, Settings, Slice, SystemScores
from vibespeaker.evaluation.uncertainty import Interval, Spread

__all__ = ["Comparison", "Evaluation", "Interval", "Settings", "Slice", "Spread", "SystemScores"]
