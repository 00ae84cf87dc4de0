"""Losses of arousal, valence and dominance, or of a further head's value. What is NaN in the batch does not count."""

import torch
from torch import Tensor

from vibespeaker.arguments.ranges import FINITE, POSITIVE, require
from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.labels import ATTRIBUTE_CENTRE
from vibespeaker.labels.heads import ATTRIBUTES_HEAD
from vibespeaker.losses.base import Loss, LossParts, outputs_of, targets_of

#: Floor of the denominator of the concordance, far below the variance of any real batch on 1–7.
CONCORDANCE_FLOOR = 1e-8


class AttributeMSE(Loss):
    """Mean squared error over the known attributes of all utterances.

    Args:
        head: `attributes`, or a further head of kind `regression`.
    """

    def __init__(self, head: str = ATTRIBUTES_HEAD) -> None:
        super().__init__()
        self.requires, self.head = (head,), head

    def forward(self, output: EmotionOutput, batch: EmotionBatch) -> LossParts:
        """Return the squared errors' sum and their number, at most one per attribute and utterance."""
        errors, known = _errors(outputs_of(output, self.head), targets_of(batch, self.head))
        return LossParts(errors.square().sum(), known.sum().float())


class GaussianPenaltyMSE(Loss):
    """Squared error weighted by a Gaussian of the prediction, equation (2) of the challenge system.

    The weight `exp(−(ŷ − μ)² / (2σ²))` makes errors near the middle of the scale cost most, which widens the range of
    predictions. As published the gradient also flows through the weight, and so rewards leaving the middle even where
    that does not lessen the error.

    Args:
        sigma: width σ of the Gaussian, in points of the 1–7 scale, above 0; published: 3, 5, 7.
        mu: centre μ of the Gaussian, on 1–7.
        detach_weight: whether the weight is taken as a constant, so that the gradient is that of a weighted error.

    Raises:
        ConfigError: sigma is not above 0.
    """

    requires = (ATTRIBUTES_HEAD,)

    def __init__(self, sigma: float, mu: float = ATTRIBUTE_CENTRE, detach_weight: bool = False) -> None:
        super().__init__()
        require(POSITIVE, sigma=sigma)
        require(FINITE, mu=mu)
        self.sigma = sigma
        self.mu = mu
        self.detach_weight = detach_weight

    def forward(self, output: EmotionOutput, batch: EmotionBatch) -> LossParts:
        """Return the weighted squared errors' sum and the number of errors, at most `3 * batch`."""
        predicted = outputs_of(output, ATTRIBUTES_HEAD)
        errors, known = _errors(predicted, batch.attributes)
        weights = torch.exp(-(predicted - self.mu).square() / (2 * self.sigma**2))
        if self.detach_weight:
            weights = weights.detach()
        return LossParts((weights * errors.square()).sum(), known.sum().float())


class ConcordanceLoss(Loss):
    """1 − CCC of each attribute over the whole batch, averaged over attributes.

    CCC = 2·cov(x, y) / (σx² + σy² + (μx − μy)²) with population variances (Lin 1989). Constant predictions, or a single
    utterance, have CCC 0 and so loss 1.

    Args:
        head: `attributes`, or a further head of kind `regression`.
    """

    def __init__(self, head: str = ATTRIBUTES_HEAD) -> None:
        super().__init__()
        self.requires, self.head = (head,), head

    def forward(self, output: EmotionOutput, batch: EmotionBatch) -> LossParts:
        """Return the sum of 1 − CCC over attributes with a known target, and the number of these, at most 3."""
        predicted, targets = outputs_of(output, self.head), targets_of(batch, self.head)
        known = ~targets.isnan()
        true = targets.masked_fill(~known, 0.0)
        counts = known.sum(0).clamp(min=1)  # (attributes,)

        def mean(values: Tensor) -> Tensor:
            return values.masked_fill(~known, 0.0).sum(0) / counts

        mean_true, mean_predicted = mean(true), mean(predicted)
        centred_true, centred_predicted = true - mean_true, predicted - mean_predicted
        covariance = mean(centred_true * centred_predicted)
        spread = mean(centred_true.square()) + mean(centred_predicted.square())
        distance = (mean_true - mean_predicted).square()
        concordance = 2 * covariance / (spread + distance).clamp(min=CONCORDANCE_FLOOR)
        present = known.any(0)
        return LossParts((1 - concordance).masked_fill(~present, 0.0).sum(), present.sum().float())


def _errors(predicted: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Return errors `(batch, attributes)`, 0 where the target is NaN, and where it is known.

    The unknown targets are replaced before the subtraction: a NaN masked later would still reach the gradient.
    """
    known = ~true.isnan()
    return torch.where(known, true, predicted.detach()) - predicted, known
