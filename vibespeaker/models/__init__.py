"""Emotion models: pooling, projection, fusion and heads. They see frames only, cached or live."""

from vibespeaker.models.base import EmotionModel
from vibespeaker.models.concatenation import Concatenation
from vibespeaker.models.feature_networks import CNN1d, FeatureCNN
from vibespeaker.models.frame_networks import FrameMasking, FrameNetwork, LayerWeightedSum
from vibespeaker.models.fusion import ConcatenationFusion, Fusion, LSTMFusion, MeanFusion
from vibespeaker.models.late_fusion import LateFusion
from vibespeaker.models.multi_encoder import MultiEncoderModel
from vibespeaker.models.normed_pooling import NormedPooling
from vibespeaker.models.pooling import AttentiveStatisticsPooling, MeanPooling, Pooling, StatisticsPooling
from vibespeaker.models.speechbrain_pooling import SpeechBrainECAPA, SpeechBrainPooling
from vibespeaker.models.voice_embedding import VoiceEmbedding

__all__ = [
    "AttentiveStatisticsPooling",
    "CNN1d",
    "Concatenation",
    "ConcatenationFusion",
    "EmotionModel",
    "FeatureCNN",
    "FrameMasking",
    "FrameNetwork",
    "Fusion",
    "LSTMFusion",
    "LateFusion",
    "LayerWeightedSum",
    "MeanFusion",
    "MeanPooling",
    "MultiEncoderModel",
    "NormedPooling",
    "Pooling",
    "SpeechBrainECAPA",
    "SpeechBrainPooling",
    "StatisticsPooling",
    "VoiceEmbedding",
]
