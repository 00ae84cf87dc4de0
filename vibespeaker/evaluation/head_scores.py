"""Scores of further heads; validation logging and `evaluate` share them.

Names of scores: `uar`, `accuracy` and `macro_f1` of a classification; `macro_f1` of a multilabel head, the mean over
its classes of each one's F1; `ccc` and `rmse` of a regression.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from vibespeaker import metrics
from vibespeaker.data.heads import head_targets
from vibespeaker.labels import NO_CATEGORY
from vibespeaker.labels.heads import HeadSpec, Kind
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions


@dataclass(frozen=True)
class HeadScores:
    """What a further head reaches on one split.

    Args:
        kind: of the head.
        labelled: utterances with a label.
        classes: of the head, empty for a regression.
        counts: class → utterances that have it.
        scores: name → value; empty where nothing is labelled.
    """

    kind: Kind
    labelled: int
    classes: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> "HeadScores":
        """Return what JSON holds of it; null stands for NaN."""
        scores = {name: math.nan if value is None else value for name, value in fields["scores"].items()}
        return HeadScores(**{**fields, "classes": tuple(fields["classes"]), "scores": scores})


def table_scores(predictions: Predictions, manifest: Path, is_scored: npt.NDArray[np.bool_]) -> dict[str, HeadScores]:
    """Return the scores of a table's further heads whose truth a manifest holds.

    Args:
        predictions: N rows.
        manifest: of all of them.
        is_scored: `(N,)`, False for the rows that the label policy leaves out.
    """
    found = {}
    for name, spec in predictions.metadata.heads.items():
        if not predictions.has(spec.columns(name)[0]):
            continue
        known = Manifest.read(manifest, ("utterance_id", spec.column))
        rows = pd.Index(known.column("utterance_id")).get_indexer(predictions.frame["utterance_id"])
        truth = head_targets(known, spec)[rows][is_scored]
        found[name] = head_scores(spec, predictions.head(name)[is_scored], truth)
    return found


def head_scores(spec: HeadSpec, predicted: npt.ArrayLike, true: npt.ArrayLike) -> HeadScores:
    """Compare a head's outputs with the truth.

    Args:
        spec: the head.
        predicted: `(N, outputs)`, logits or values, finite.
        true: `(N,)` class indices or `NO_CATEGORY`; `(N, classes)` 0, 1 or NaN for multilabel; `(N, 1)` values or NaN
            for regression.
    """
    if spec.kind == "classification":
        return _classification(spec, np.asarray(predicted), np.asarray(true, np.int64))
    outputs, truth = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
    known = ~np.isnan(truth).any(axis=1)
    outputs, truth = outputs[known], truth[known]
    labelled = int(known.sum())
    if spec.kind == "regression":
        x, y = truth[:, 0], outputs[:, 0]
        sums = metrics.moments(x, y, centre=float(x.mean()) if labelled else 0.0)
        scores = {"ccc": float(metrics.concordance_of(sums)), "rmse": float(metrics.rmse_of(sums))}
        return HeadScores(spec.kind, labelled, scores=scores if labelled else {})
    counts = dict(zip(spec.classes, (int(count) for count in truth.sum(axis=0)), strict=True))
    f1 = [
        float(metrics.f1_scores(metrics.confusion_matrix(t > 0, p > 0, 2))[1])
        for t, p in zip(truth.T, outputs.T, strict=True)
    ]
    return HeadScores(spec.kind, labelled, spec.classes, counts, {"macro_f1": float(np.mean(f1))} if labelled else {})


def _classification(spec: HeadSpec, logits: npt.NDArray[np.floating], true: npt.NDArray[np.int64]) -> HeadScores:
    known = true != NO_CATEGORY
    confusion = metrics.confusion_matrix(true[known], logits[known].argmax(axis=1), len(spec.classes))
    counts = dict(zip(spec.classes, (int(count) for count in confusion.sum(axis=1)), strict=True))
    scores = {
        "uar": float(metrics.uar(confusion)),
        "accuracy": float(metrics.accuracy(confusion)),
        "macro_f1": float(metrics.macro_f1(confusion)),
    }
    labelled = int(known.sum())
    return HeadScores(spec.kind, labelled, spec.classes, counts, scores if labelled else {})
