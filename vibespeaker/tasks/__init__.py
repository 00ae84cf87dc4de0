"""LightningModules and the trainer command line."""

from vibespeaker.tasks.base import RecognitionTask
from vibespeaker.tasks.emotion_task import EmotionTask

__all__ = ["EmotionTask", "RecognitionTask"]
