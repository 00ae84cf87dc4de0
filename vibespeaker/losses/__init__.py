"""Losses over a batch: each yields a numerator and a denominator, so that processes can sum both before they divide."""

from vibespeaker.losses.attributes import AttributeMSE, ConcordanceLoss, GaussianPenaltyMSE
from vibespeaker.losses.base import Loss, LossParts, MultiTaskLoss
from vibespeaker.losses.categories import BinaryCrossEntropy, CrossEntropy, FocalLoss, VotesDivergence
from vibespeaker.losses.class_weights import (
    ClassWeighting,
    EffectiveNumber,
    FixedWeights,
    InverseFrequency,
    Misclassification,
)
from vibespeaker.losses.joint import JointCrossEntropy
from vibespeaker.losses.penalty import WeightPenalty

__all__ = [
    "AttributeMSE",
    "BinaryCrossEntropy",
    "ClassWeighting",
    "ConcordanceLoss",
    "CrossEntropy",
    "EffectiveNumber",
    "FixedWeights",
    "FocalLoss",
    "GaussianPenaltyMSE",
    "InverseFrequency",
    "JointCrossEntropy",
    "Loss",
    "LossParts",
    "Misclassification",
    "MultiTaskLoss",
    "VotesDivergence",
    "WeightPenalty",
]
