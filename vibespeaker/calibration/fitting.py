"""Fitting a calibration on labelled predictions, and judging it on utterances that it has not seen.

Everything is fitted once on all of the part, which is what is saved. To judge the method on that very part, and to set
the conformal thresholds, it is also fitted fold by fold: each utterance is then mapped by a fit that saw neither it nor
its speaker.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vibespeaker.calibration.conformal import Conformal, category_scores, category_threshold, conformal_quantile
from vibespeaker.calibration.prior_shift import class_frequencies
from vibespeaker.calibration.scaling import AttributeMap, CategoryScaling, fit_attribute, fit_categories
from vibespeaker.errors import ConfigError, PredictionsError
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.predictions import softmax

Floats = npt.NDArray[np.float64]

FOLDS = 5


@dataclass(frozen=True, eq=False)
class Evidence:
    """Predictions beside the truth, one entry an utterance.

    Args:
        logits: `(N, C)`, or null without a category head.
        categories: `(N,)` true class indices, −1 where there is none in the label set.
        predicted: `(N, 3)` predicted attributes on 1–7, NaN where there is no head.
        attributes: `(N, 3)` true attributes on 1–7, NaN where unknown.
        speakers: `(N,)` speaker names.
    """

    logits: Floats | None
    categories: npt.NDArray[np.int64]
    predicted: Floats
    attributes: Floats
    speakers: npt.NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.categories)

    @property
    def with_category(self) -> npt.NDArray[np.bool_]:
        """Utterances that can be scored by category, `(N,)`; none without a head."""
        return (self.categories >= 0) & (self.logits is not None)

    def with_attribute(self, attribute: str) -> npt.NDArray[np.bool_]:
        """Utterances that can be scored by `attribute`, `(N,)`."""
        column = ATTRIBUTES.index(attribute)
        return np.isfinite(self.predicted[:, column]) & np.isfinite(self.attributes[:, column])

    def pairs(self, attribute: str) -> tuple[Floats, Floats]:
        """Return predicted and true values of `attribute` where both are known."""
        known, column = self.with_attribute(attribute), ATTRIBUTES.index(attribute)
        return self.predicted[known, column], self.attributes[known, column]


@dataclass(frozen=True, eq=False)
class Fitted:
    """What was fitted, and what it makes of the same utterances when it has not seen their speakers.

    Args:
        categories: scaling fitted on all; null without a category head.
        attributes: attribute → map fitted on all.
        prior: class frequencies of the part; null without a category head.
        conformal: thresholds from unseen utterances; null when no level was asked for.
        unseen: the evidence with logits and attributes mapped fold by fold.
    """

    categories: CategoryScaling | None
    attributes: Mapping[str, AttributeMap]
    prior: Floats | None
    conformal: Conformal | None
    unseen: Evidence


def fit(
    evidence: Evidence,
    categories: str = "temperature",
    attributes: str = "linear",
    level: float | None = 0.9,
    sets: str = "lac",
    folds: int = FOLDS,
) -> Fitted:
    """Fit scaling, maps and thresholds.

    Args:
        evidence: labelled predictions of the part to fit on.
        categories: one of `scaling.CATEGORY_METHODS`.
        attributes: one of `scaling.ATTRIBUTE_METHODS`.
        level: coverage that sets and intervals promise, or null for none.
        sets: one of `conformal.SET_METHODS`.
        folds: parts of disjoint speakers.

    Raises:
        ConfigError: an unknown method or level.
        PredictionsError: nothing is labelled, or there are fewer speakers than two.
    """
    fold_of = speaker_folds(evidence.speakers, folds)
    scaling, maps, prior, logits = None, {}, None, evidence.logits
    known = evidence.with_category
    if logits is not None and known.any():
        scaling = fit_categories(logits[known], evidence.categories[known], categories)
        prior = class_frequencies(np.bincount(evidence.categories[known], minlength=logits.shape[1]))
        logits = _scaled_unseen(evidence, fold_of, categories)
    predicted = evidence.predicted.copy()
    for column, name in enumerate(ATTRIBUTES):
        if evidence.with_attribute(name).any():
            maps[name] = fit_attribute(*evidence.pairs(name), attributes)
            predicted[:, column] = _mapped_unseen(evidence, fold_of, name, attributes)
    if scaling is None and not maps:
        raise PredictionsError("no predicted utterance has a true label: nothing to calibrate on")
    unseen = Evidence(logits, evidence.categories, predicted, evidence.attributes, evidence.speakers)
    conformal = None if level is None else _thresholds(unseen, level, sets)
    return Fitted(scaling, maps, prior, conformal, unseen)


def speaker_folds(speakers: npt.ArrayLike, folds: int = FOLDS) -> npt.NDArray[np.int64]:
    """Return the fold of each utterance, `(N,)`, so that no speaker is in two and all are of about the same size.

    The largest speaker goes first, each to the smallest fold so far; there are at most as many folds as speakers.

    Raises:
        ConfigError: fewer than two folds.
        PredictionsError: there is only one speaker.
    """
    if folds < 2:
        raise ConfigError("folds must be two or more", found=folds)
    names, of, counts = np.unique(np.asarray(speakers, dtype=str), return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise PredictionsError(
            "cross-fitting needs two speakers or more", found=names.tolist(), remedy="fit on a part with more speakers"
        )
    sizes = np.zeros(min(folds, len(names)), np.int64)
    fold_of_speaker = np.empty(len(names), np.int64)
    for number in np.argsort(-counts, kind="stable"):
        fold_of_speaker[number] = sizes.argmin()
        sizes[sizes.argmin()] += counts[number]
    return fold_of_speaker[of]


def cross_fitted(
    folds: npt.NDArray[np.int64],
    labelled: npt.NDArray[np.bool_],
    values: Floats,
    fit_on: Callable[[npt.NDArray[np.bool_]], Callable[[Floats], Floats]],
) -> Floats:
    """Map each value by a fit on the labelled utterances of the other folds.

    Args:
        folds: `(N,)`.
        labelled: `(N,)` utterances that may be fitted on.
        values: `(N, …)`.
        fit_on: from the chosen utterances `(N,)` to the map.

    Returns:
        like `values`; a fold whose others have no label keeps its values.
    """
    mapped = values.copy()
    for fold in np.unique(folds):
        others = labelled & (folds != fold)
        if others.any():
            mapped[folds == fold] = fit_on(others)(values[folds == fold])
    return mapped


def _scaled_unseen(evidence: Evidence, folds: npt.NDArray[np.int64], method: str) -> Floats:
    logits = evidence.logits
    assert logits is not None
    return cross_fitted(
        folds,
        evidence.with_category,
        logits,
        lambda rows: fit_categories(logits[rows], evidence.categories[rows], method),
    )


def _mapped_unseen(evidence: Evidence, folds: npt.NDArray[np.int64], attribute: str, method: str) -> Floats:
    column = ATTRIBUTES.index(attribute)
    predicted, true = evidence.predicted[:, column], evidence.attributes[:, column]
    return cross_fitted(
        folds,
        evidence.with_attribute(attribute),
        predicted,
        lambda rows: fit_attribute(predicted[rows], true[rows], method),
    )


def _thresholds(unseen: Evidence, level: float, sets: str) -> Conformal:
    threshold = None
    known = unseen.with_category
    if unseen.logits is not None and known.any():
        scores = category_scores(softmax(unseen.logits[known]), unseen.categories[known], sets)
        threshold = category_threshold(scores, level)
    halves = {}
    for name in ATTRIBUTES:
        predicted, true = unseen.pairs(name)
        if len(true):
            halves[name] = conformal_quantile(np.abs(true - predicted), level)
    return Conformal(level, sets, threshold, halves)
