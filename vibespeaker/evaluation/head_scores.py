"""Scores of further heads; validation logging and `evaluate` share them.

Names of scores: `uar`, `accuracy` and `macro_f1` of a classification; `macro_f1` of a multilabel head, the mean over
its classes of each one's F1; `ccc` and `rmse` of a regression.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vibespeaker import metrics
from vibespeaker.evaluation.uncertainty import Interval
from vibespeaker.labels import NO_CATEGORY
from vibespeaker.labels.heads import HeadSpec, Kind

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HeadScores:
    """What a further head reaches on one split.

    Args:
        kind: of the head.
        labelled: utterances with a label.
        classes: of the head, empty for a regression.
        counts: class → utterances that have it.
        scores: name → value; empty where nothing is labelled.
        intervals: score → ends of its interval, as those of all scores (`evaluation.bootstrap`); empty without one.
    """

    kind: Kind
    labelled: int
    classes: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def interval(self, name: str) -> Interval:
        """Return a score with its interval; NaN where it has none."""
        return Interval(self.scores.get(name, math.nan), *self.intervals.get(name, (math.nan, math.nan)))

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> "HeadScores":
        """Return what JSON holds of it; null stands for NaN."""
        scores = {name: _number(value) for name, value in fields["scores"].items()}
        ends = {name: (_number(low), _number(high)) for name, (low, high) in fields.get("intervals", {}).items()}
        return HeadScores(**{**fields, "classes": tuple(fields["classes"]), "scores": scores, "intervals": ends})


def head_scores(spec: HeadSpec, predicted: npt.ArrayLike, true: npt.ArrayLike) -> HeadScores:
    """Compare a head's outputs with the truth.

    Args:
        spec: the head.
        predicted: `(N, outputs)`, logits or values, finite.
        true: `(N,)` class indices or `NO_CATEGORY`; `(N, classes)` 0, 1 or NaN for multilabel; `(N, 1)` values or NaN
            for regression.
    """
    known = _known(spec, true)
    sums = head_sums(spec, predicted, true)[0]
    labelled = int(known.sum())
    scores = {name: float(value) for name, value in scores_of(spec, sums).items()} if labelled else {}
    return HeadScores(spec.kind, labelled, spec.classes, _counts(spec, sums), scores)


def head_sums(
    spec: HeadSpec,
    predicted: npt.ArrayLike,
    true: npt.ArrayLike,
    clusters: npt.NDArray[np.int64] | None = None,
    count: int = 1,
) -> Floats:
    """Sum what the scores follow from, over the labelled utterances of each cluster.

    The sums of any clusters, each counted any number of times, are a weighted sum of theirs (`evaluation.statistics`).

    Args:
        spec: the head.
        predicted: see `head_scores`.
        true: see `head_scores`.
        clusters: `(N,)`, 0 to `count` − 1, usually the speaker; all in one by default.
        count: number of clusters.

    Returns:
        `(count, width)`: a confusion matrix, one of 2 × 2 for each class of a multilabel head, or moments.
    """
    known = _known(spec, true)
    outputs, truth = np.asarray(predicted, np.float64)[known], np.asarray(true, np.float64)[known]
    rows = np.zeros(len(truth), np.int64) if clusters is None else clusters[known]
    if spec.kind == "regression":
        x, y = truth[:, 0], outputs[:, 0]
        each = metrics.moments(x[:, None], y[:, None], centre=float(x.mean()) if len(x) else 0.0)
        return np.stack([np.bincount(rows, moment, minlength=count) for moment in each.T], axis=1)
    if spec.kind == "multilabel":
        cells = [_cells(rows, t > 0, p > 0, 2, count) for t, p in zip(truth.T, outputs.T, strict=True)]
        return np.concatenate(cells, axis=1)
    return _cells(rows, truth, outputs.argmax(axis=1), len(spec.classes), count)


def scores_of(spec: HeadSpec, sums: Floats) -> dict[str, Floats]:
    """Return every score by name, each `(...)`, of `(..., width)` sums; NaN where nothing is labelled."""
    if spec.kind == "regression":
        return {"ccc": metrics.concordance_of(sums), "rmse": metrics.rmse_of(sums)}
    if spec.kind == "multilabel":
        f1 = metrics.f1_scores(sums.reshape(*sums.shape[:-1], len(spec.classes), 2, 2))
        return {"macro_f1": f1[..., 1].mean(axis=-1)}
    confusion = sums.reshape(*sums.shape[:-1], len(spec.classes), len(spec.classes))
    return {
        "uar": metrics.uar(confusion),
        "accuracy": metrics.accuracy(confusion),
        "macro_f1": metrics.macro_f1(confusion),
    }


def _known(spec: HeadSpec, true: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return `(N,)`, True for labelled utterances."""
    if spec.kind == "classification":
        return np.not_equal(np.asarray(true, np.int64), NO_CATEGORY)
    return np.logical_and.reduce(np.isfinite(np.asarray(true, np.float64)), axis=1, dtype=np.bool_)


def _cells(
    clusters: npt.NDArray[np.int64], true: npt.ArrayLike, predicted: npt.ArrayLike, size: int, count: int
) -> Floats:
    """Return the confusion matrix of each cluster, `(count, size²)`."""
    pairs = np.asarray(true, np.int64) * size + np.asarray(predicted, np.int64)
    return np.bincount(clusters * size**2 + pairs, minlength=count * size**2).reshape(count, -1).astype(np.float64)


def _counts(spec: HeadSpec, sums: Floats) -> dict[str, int]:
    if spec.kind == "regression":
        return {}
    size = len(spec.classes)
    is_multilabel = spec.kind == "multilabel"
    having = sums.reshape(size, 2, 2)[:, 1].sum(1) if is_multilabel else sums.reshape(size, size).sum(1)
    return {name: int(count) for name, count in zip(spec.classes, having, strict=True)}


def _number(value: float | None) -> float:
    return math.nan if value is None else value
