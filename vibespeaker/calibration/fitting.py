"""Fitting a calibration on labelled predictions, and judging it on utterances that it has not seen.

Everything is fitted once on the whole split, which is what is saved. To judge the method on that very split, and to set
the conformal thresholds, it is also fitted fold by fold: each utterance is then mapped by a fit that saw neither it nor
its speaker.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from vibespeaker.calibration.conformal import Conformal, category_scores, category_threshold, conformal_quantile
from vibespeaker.calibration.evidence import Evidence
from vibespeaker.calibration.prior_shift import class_frequencies
from vibespeaker.calibration.scaling import AttributeMap, CategoryScaling, fit_attribute, fit_categories
from vibespeaker.errors import PredictionsError
from vibespeaker.evaluation.crossfit import cross_fit, folds_by_group
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.metrics import softmax

Floats = npt.NDArray[np.float64]

FOLDS = 5


@dataclass(frozen=True, eq=False)
class Fitted:
    """What was fitted, and what it makes of the same utterances when it has not seen their speakers.

    Args:
        categories: scaling fitted on all; null without a category head.
        attributes: attribute → map fitted on all.
        prior: class frequencies of the split; null without a category head.
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
        evidence: labelled predictions of the split to fit on.
        categories: one of `scaling.CATEGORY_METHODS`.
        attributes: one of `scaling.ATTRIBUTE_METHODS`.
        level: nominal coverage of sets and intervals, or null for none.
        sets: one of `conformal.SET_METHODS`.
        folds: number of speaker-disjoint folds.

    Raises:
        ConfigError: an unknown method or level.
        PredictionsError: nothing is labelled, or there is only one speaker.
    """
    fold_of = folds_of(evidence, folds)
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
    unseen = replace(evidence, logits=logits, predicted=predicted)
    conformal = None if level is None else _thresholds(unseen, level, sets)
    return Fitted(scaling, maps, prior, conformal, unseen)


def folds_of(evidence: Evidence, folds: int = FOLDS) -> npt.NDArray[np.int64]:
    """Return the fold of each utterance, `(N,)`, no group in two; no more folds than groups.

    Raises:
        PredictionsError: there is only one group.
    """
    return folds_by_group(evidence.groups, min(folds, max(2, len(np.unique(evidence.groups)))))


def _scaled_unseen(evidence: Evidence, folds: npt.NDArray[np.int64], method: str) -> Floats:
    logits, known = evidence.logits, evidence.with_category
    assert logits is not None

    def fit_on(rows: npt.NDArray[np.int64]) -> Callable[[Floats], Floats]:
        labelled = rows[known[rows]]
        if not len(labelled):
            return np.asarray
        return fit_categories(logits[labelled], evidence.categories[labelled], method)

    return cross_fit(fit_on, lambda scaling, rows: scaling(logits[rows]), folds)


def _mapped_unseen(evidence: Evidence, folds: npt.NDArray[np.int64], attribute: str, method: str) -> Floats:
    column, known = ATTRIBUTES.index(attribute), evidence.with_attribute(attribute)
    predicted, true = evidence.predicted[:, column], evidence.attributes[:, column]

    def fit_on(rows: npt.NDArray[np.int64]) -> Callable[[Floats], Floats]:
        labelled = rows[known[rows]]
        return fit_attribute(predicted[labelled], true[labelled], method) if len(labelled) else np.asarray

    return cross_fit(fit_on, lambda mapped, rows: mapped(predicted[rows]), folds)


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
