"""Emotion models: pooling, projection, fusion and heads. They see frames only, cached or live."""

from vibespeaker.models.base import EmotionModel
from vibespeaker.models.concatenation import Concatenation
from vibespeaker.models.cross_attention import CrossAttention
from vibespeaker.models.feature_networks import CNN1d, FeatureCNN
from vibespeaker.models.fisher import FisherVectors
from vibespeaker.models.frame_networks import FrameMasking, FrameNetwork, LayerWeightedSum
from vibespeaker.models.fusion import ConcatenationFusion, Fusion, GatedFusion, LSTMFusion, MeanFusion
from vibespeaker.models.late_fusion import LateFusion
from vibespeaker.models.mean_probability import MeanProbability
from vibespeaker.models.multi_encoder import MultiEncoderModel
from vibespeaker.models.normed_pooling import NormedPooling
from vibespeaker.models.pooling import AttentiveStatisticsPooling, MeanPooling, Pooling, StatisticsPooling
from vibespeaker.models.recurrent_pooling import BiLSTM
from vibespeaker.models.ridge import Ridge
from vibespeaker.models.spectrogram_cnn import SpectrogramCNN
from vibespeaker.models.speechbrain_pooling import SpeechBrainECAPA, SpeechBrainPooling
from vibespeaker.models.voice_embedding import VoiceEmbedding

__all__ = [
    "AttentiveStatisticsPooling",
    "BiLSTM",
    "CNN1d",
    "Concatenation",
    "ConcatenationFusion",
    "CrossAttention",
    "EmotionModel",
    "FeatureCNN",
    "FisherVectors",
    "FrameMasking",
    "FrameNetwork",
    "Fusion",
    "GatedFusion",
    "LSTMFusion",
    "LateFusion",
    "LayerWeightedSum",
    "MeanFusion",
    "MeanPooling",
    "MeanProbability",
    "MultiEncoderModel",
    "NormedPooling",
    "Pooling",
    "Ridge",
    "SpectrogramCNN",
    "SpeechBrainECAPA",
    "SpeechBrainPooling",
    "StatisticsPooling",
    "VoiceEmbedding",
]
