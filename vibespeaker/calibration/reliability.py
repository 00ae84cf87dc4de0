"""How well probabilities are calibrated: bins, calibration error, Brier score, likelihood, risk over coverage.

All of it looks at probabilities `(N, C)` and true classes `(N,)`; nothing to score gives NaN.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BINS = 15
#: Probabilities are kept this far from zero inside logarithms.
SMALLEST = 1e-12


@dataclass(frozen=True)
class ReliabilityBins:
    """Utterances grouped by the probability of their predicted class, in bins of equal width over 0–1.

    Args:
        confidence: `(bins,)` mean probability of the predicted class; NaN in an empty bin.
        accuracy: `(bins,)` share of right answers; NaN in an empty bin.
        count: `(bins,)` utterances.
    """

    confidence: Floats
    accuracy: Floats
    count: npt.NDArray[np.int64]

    @property
    def error(self) -> float:
        """Expected calibration error: mean of |accuracy − confidence| over utterances; NaN without any.

        Lower is better. Guo et al. 2017, equation 3; with few utterances per bin it is biased upwards.
        """
        if not self.count.sum():
            return float("nan")
        gaps = np.abs(self.accuracy - self.confidence)
        return float(np.nansum(gaps * self.count) / self.count.sum())


def reliability_bins(probabilities: npt.ArrayLike, true: npt.ArrayLike, bins: int = BINS) -> ReliabilityBins:
    """Group utterances by confidence.

    Args:
        probabilities: `(N, C)`, rows summing to 1.
        true: `(N,)` class indices.
        bins: number of bins; a confidence on an edge belongs to the bin below, as in Guo et al. 2017.
    """
    shares, classes = _checked(probabilities, true)
    confidence = shares.max(axis=1, initial=0.0)
    right = (shares.argmax(axis=1) == classes).astype(np.float64)
    numbers = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    count = np.bincount(numbers, minlength=bins)
    totals = np.where(count, count, np.nan)
    return ReliabilityBins(
        confidence=np.bincount(numbers, confidence, bins) / totals,
        accuracy=np.bincount(numbers, right, bins) / totals,
        count=count.astype(np.int64),
    )


def calibration_error(probabilities: npt.ArrayLike, true: npt.ArrayLike, bins: int = BINS) -> float:
    """Return the expected calibration error of the predicted class, 0–1; see `ReliabilityBins.error`."""
    return reliability_bins(probabilities, true, bins).error


def brier_score(probabilities: npt.ArrayLike, true: npt.ArrayLike) -> float:
    """Return the mean over utterances of Σ_c (p_c − [c is true])², 0–2. Lower is better (Brier 1950)."""
    shares, classes = _checked(probabilities, true)
    return _mean(((shares - np.eye(shares.shape[1])[classes]) ** 2).sum(axis=1))


def negative_log_likelihood(probabilities: npt.ArrayLike, true: npt.ArrayLike) -> float:
    """Return the mean of −ln p(true class), 0 and more. Lower is better."""
    shares, classes = _checked(probabilities, true)
    return _mean(-np.log(np.maximum(shares[np.arange(len(classes)), classes], SMALLEST)))


def risk_coverage(probabilities: npt.ArrayLike, true: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return the error among the most confident utterances, for every number of answered ones.

    Utterances of equal confidence count as answered in random order: each has their mean error.

    Returns:
        coverage `(N,)` from 1/N to 1 and risk `(N,)`, the share of wrong answers among those answered, 0–1; the mean
        of the risk is the area under the curve (lower is better).
    """
    shares, classes = _checked(probabilities, true)
    confidence = shares.max(axis=1, initial=0.0)
    wrong = (shares.argmax(axis=1) != classes).astype(np.float64)
    _, group = np.unique(-confidence, return_inverse=True)
    mean_wrong = np.bincount(group, wrong) / np.maximum(np.bincount(group), 1)
    ranks = np.arange(1, len(classes) + 1, dtype=np.float64)
    return ranks / max(len(classes), 1), np.cumsum(mean_wrong[np.sort(group)]) / ranks


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else float("nan")


def _checked(probabilities: npt.ArrayLike, true: npt.ArrayLike) -> tuple[Floats, npt.NDArray[np.int64]]:
    shares, classes = np.asarray(probabilities, np.float64), np.asarray(true, np.int64)
    if shares.ndim != 2 or shares.shape[:1] != classes.shape:
        raise ValueError(f"probabilities must be (N, C) and true (N,), got {shares.shape} and {classes.shape}")
    return shares, classes
