"""Prediction sets for categories and intervals for attributes that hold the truth with a chosen probability.

Split conformal prediction (Vovk et al. 2005): scores of how badly the truth fits, measured on utterances that took no
part in fitting; their (1 − miss) quantile, corrected for finite numbers, is the threshold. If the new utterances come
from the same source, the truth is inside at least that often on average. Utterances of one speaker are alike, so a few
speakers make the guarantee approximate: the coverage is measured beside it on held-out data wherever there is truth.

Categories: `lac` (Sadinle et al. 2019) takes every class of probability 1 − threshold and more: smallest sets; `aps`
(Romano et al. 2020) takes classes from the most probable on until their probabilities reach the threshold: sets that
grow where the system is unsure. The most probable class is always in. Attributes: prediction ± threshold, cut to 1–7.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from vibespeaker.errors import ConfigError, PredictionsError
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN

Floats = npt.NDArray[np.float64]

SET_METHODS = ("lac", "aps")


@dataclass(frozen=True)
class Conformal:
    """Thresholds.

    Args:
        level: nominal coverage, e.g. 0.9.
        method: one of `SET_METHODS`.
        categories: threshold of the category score; 1 admits all classes; null without a category head.
        attributes: attribute → half width of its interval, infinite (kept as null in JSON) with too few utterances.
    """

    level: float
    method: str
    categories: float | None = None
    attributes: Mapping[str, float] = field(default_factory=dict)

    def sets(self, probabilities: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return `(N, C)`, True for the classes in the set of each utterance; none is empty.

        Raises:
            PredictionsError: no threshold was fitted for categories.
        """
        if self.categories is None:
            raise PredictionsError("the calibration has no prediction sets: its system predicts no categories")
        shares = np.asarray(probabilities, np.float64)
        inside = _class_scores(shares, self.method) <= self.categories
        inside[np.arange(len(shares)), shares.argmax(axis=1)] = True
        return inside

    def interval(self, attribute: str, values: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Return lower and upper ends, `(N,)` each on 1–7, around predictions of `attribute`."""
        centres, half = np.asarray(values, np.float64), self.attributes[attribute]
        return np.maximum(centres - half, ATTRIBUTE_MIN), np.minimum(centres + half, ATTRIBUTE_MAX)


def conformal_quantile(scores: npt.ArrayLike, level: float) -> float:
    """Return the ⌈(N + 1)·level⌉-th smallest score; infinity when there are fewer than that.

    Raises:
        ConfigError: `level` is not between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise ConfigError("the level of conformal sets must lie between 0 and 1", found=level)
    ordered = np.sort(np.asarray(scores, np.float64))
    rank = math.ceil(round((len(ordered) + 1) * level, 9))  # 10 · 0.9 is 9.000000000000002 otherwise
    return float(ordered[rank - 1]) if rank <= len(ordered) else math.inf


def category_scores(probabilities: npt.ArrayLike, true: npt.ArrayLike, method: str = "lac") -> Floats:
    """Return the nonconformity of the true class, `(N,)` in 0–1.

    Args:
        probabilities: `(N, C)`.
        true: `(N,)` class indices.
        method: one of `SET_METHODS`.

    Raises:
        ConfigError: unknown method.
    """
    if method not in SET_METHODS:
        raise ConfigError("unknown kind of prediction set", found=method, allowed=SET_METHODS)
    classes = np.asarray(true, np.int64)
    scores = _class_scores(np.asarray(probabilities, np.float64), method)
    return scores[np.arange(len(classes)), classes]


def category_threshold(scores: npt.ArrayLike, level: float) -> float:
    """Return the threshold for scores of categories; with too few utterances 1, which admits every class."""
    return min(conformal_quantile(scores, level), 1.0)


def set_coverage(sets: npt.NDArray[np.bool_], true: npt.ArrayLike) -> tuple[float, float]:
    """Return the share of utterances whose true class is in its set, and the mean size of a set; NaN without any."""
    classes = np.asarray(true, np.int64)
    if not len(classes):
        return math.nan, math.nan
    return float(sets[np.arange(len(classes)), classes].mean()), float(sets.sum(axis=1).mean())


def interval_coverage(low: Floats, high: Floats, true: npt.ArrayLike) -> tuple[float, float]:
    """Return the share of true values within their interval, and the mean width; NaN without any."""
    values = np.asarray(true, np.float64)
    if not len(values):
        return math.nan, math.nan
    return float(((low <= values) & (values <= high)).mean()), float((high - low).mean())


def _class_scores(shares: Floats, method: str) -> Floats:
    if method == "lac":
        return 1.0 - shares
    order = np.argsort(-shares, axis=1, kind="stable")
    reached = np.cumsum(np.take_along_axis(shares, order, axis=1), axis=1)
    scores = np.empty_like(shares)
    np.put_along_axis(scores, order, np.minimum(reached, 1.0), axis=1)
    return scores
