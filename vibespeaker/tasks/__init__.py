"""LightningModules and their data modules."""

from vibespeaker.tasks.base import RecognitionTask
from vibespeaker.tasks.datamodule import EmotionDataModule
from vibespeaker.tasks.emotion_task import EmotionTask
from vibespeaker.tasks.system_task import SystemTask
from vibespeaker.tasks.transcription.data import TranscriptionDataModule
from vibespeaker.tasks.transcription.task import TranscriptionTask

__all__ = [
    "EmotionDataModule",
    "EmotionTask",
    "RecognitionTask",
    "SystemTask",
    "TranscriptionDataModule",
    "TranscriptionTask",
]
