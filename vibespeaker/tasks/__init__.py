"""LightningModules and the trainer command line."""

from vibespeaker.tasks.base import RecognitionTask
from vibespeaker.tasks.emotion_task import EmotionTask
from vibespeaker.tasks.ensemble_task import EnsembleTask

__all__ = ["EmotionTask", "EnsembleTask", "RecognitionTask"]
