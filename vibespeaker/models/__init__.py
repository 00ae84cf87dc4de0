"""Emotion models: pooling, projection, fusion and heads. They see frames and nothing of where those came from."""

from vibespeaker.models.base import EmotionModel
from vibespeaker.models.fusion import ConcatenationFusion, Fusion, LSTMFusion
from vibespeaker.models.multi_encoder import MultiEncoderModel
from vibespeaker.models.pooling import AttentiveStatisticsPooling, MeanPooling, Pooling, StatisticsPooling
from vibespeaker.models.speechbrain_pooling import SpeechBrainPooling

__all__ = [
    "AttentiveStatisticsPooling",
    "ConcatenationFusion",
    "EmotionModel",
    "Fusion",
    "LSTMFusion",
    "MeanPooling",
    "MultiEncoderModel",
    "Pooling",
    "SpeechBrainPooling",
    "StatisticsPooling",
]
