"""Sums over utterances, kept apart by speaker, from which every score of a split or of a bootstrap draw follows.

A system's statistics are a confusion matrix and, for each attribute and true class, the moments of truth and
prediction. They are sums, so those of any set of speakers, each counted any number of times, are a weighted sum of the
speakers' own: 10,000 bootstrap draws are one matrix product.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vibespeaker import metrics
from vibespeaker.evaluation.targets import Targets
from vibespeaker.labels import ATTRIBUTE_CENTRE, ATTRIBUTES
from vibespeaker.predictions import Predictions

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Scores = Mapping[str, Floats]

_MOMENTS = len(metrics.MOMENTS)
_ATTRIBUTE_SCORES = {
    "ccc": metrics.concordance_of,
    "pearson": metrics.pearson_of,
    "rmse": metrics.rmse_of,
    "bias": metrics.bias_of,
    "slope": metrics.calibration_slope_of,
}


@dataclass(frozen=True, eq=False)
class System:
    """A system's scored predictions, in the order of the targets.

    Args:
        name: unique in an evaluation.
        predicted: `(N,)`, class index, or None without a category head.
        attributes: `(N, 3)`; the column of an absent head is NaN.
        probabilities: `(N, C)` of the scored classes, or None where they are not known.
    """

    name: str
    predicted: Integers | None
    attributes: Floats
    probabilities: Floats | None = None

    @property
    def attribute_heads(self) -> tuple[str, ...]:
        """Attributes that the system predicts."""
        return tuple(name for i, name in enumerate(ATTRIBUTES) if np.isfinite(self.attributes[:, i]).any())

    @staticmethod
    def of(name: str, predictions: Predictions, logits: Floats | None) -> "System":
        """Take the most probable of the scored classes and the attributes of a table.

        Args:
            name: unique in an evaluation.
            predictions: the table, in the order of the targets.
            logits: `(N, C)` of the scored classes, None without a category head.
        """
        if logits is None:
            return System(name, None, predictions.attributes())
        return System(name, logits.argmax(axis=1), predictions.attributes(), metrics.softmax(logits))


@dataclass(frozen=True)
class Layout:
    """Where a system's statistics stand in a row of numbers.

    Args:
        classes: scored classes, in the order of the confusion matrix; empty without a category head.
        strata: number of classes by which moments are kept apart, or 0; one stratum more holds all others.
        attributes: attributes with moments.
    """

    classes: tuple[str, ...]
    strata: int
    attributes: tuple[str, ...]

    @property
    def width(self) -> int:
        """Numbers per row."""
        return len(self.classes) ** 2 + len(self.attributes) * (self.strata + 1) * _MOMENTS

    def confusion(self, row: Floats) -> Floats:
        """Return `(..., C, C)` of rows `(..., width)`."""
        size = len(self.classes)
        return row[..., : size**2].reshape(*row.shape[:-1], size, size)

    def moments(self, row: Floats) -> Floats:
        """Return `(..., attributes, strata + 1, 6)` of rows `(..., width)`."""
        rest = row[..., len(self.classes) ** 2 :]
        return rest.reshape(*row.shape[:-1], len(self.attributes), self.strata + 1, _MOMENTS)


def layout_of(system: System, classes: Sequence[str]) -> Layout:
    """Return the layout of a system's statistics for the scored classes."""
    return Layout(tuple(classes) if system.predicted is not None else (), len(classes), system.attribute_heads)


def sums(system: System, targets: Targets, layout: Layout, clusters: Integers, count: int) -> Floats:
    """Sum the statistics of each cluster.

    Args:
        system: N answers.
        targets: N truths; unknown categories and attributes count nowhere.
        layout: of the result.
        clusters: `(N,)`, 0 to `count` − 1, usually the speaker.
        count: number of clusters.

    Returns:
        `(count, layout.width)`.
    """
    size, strata = len(layout.classes), layout.strata
    known = targets.categories >= 0
    parts: list[Floats] = []
    if size and system.predicted is not None:
        pairs = clusters[known] * size**2 + targets.categories[known] * size + system.predicted[known]
        counts: Floats = np.bincount(pairs, minlength=count * size**2).astype(np.float64)
        parts.append(counts.reshape(count, size**2))
    stratum = clusters * (strata + 1) + np.where(known & (strata > 0), targets.categories, strata)
    for name in layout.attributes:
        column = ATTRIBUTES.index(name)
        x, y = targets.attributes[:, column], system.attributes[:, column]
        rows = np.flatnonzero(np.isfinite(x))
        each = metrics.moments(x[rows, None], y[rows, None], centre=ATTRIBUTE_CENTRE)
        cells = count * (strata + 1)
        totals = [np.bincount(stratum[rows], each[:, moment], minlength=cells) for moment in range(_MOMENTS)]
        parts.append(np.stack(totals, axis=-1).astype(np.float64).reshape(count, -1))
    return np.concatenate(parts, axis=1) if parts else np.zeros((count, 0))


def scores(layout: Layout, rows: Floats, full: bool = True) -> dict[str, Floats]:
    """Return every score by name (see `evaluation.scores`), each `(...)`.

    Args:
        layout: of the rows.
        rows: `(..., layout.width)` summed statistics.
        full: also per-class scores and those beside CCC; without it only what comparisons and slices need.
    """
    found = _category_scores(layout, layout.confusion(rows), full) if layout.classes else {}
    moments = layout.moments(rows)
    whole, balanced = moments.sum(axis=-2), _balanced_moments(moments[..., :-1, :])
    for position, name in enumerate(layout.attributes):
        for score, function in _ATTRIBUTE_SCORES.items() if full else [("ccc", metrics.concordance_of)]:
            found[f"{score}_{name}"] = function(whole[..., position, :])
        if not full:
            found[f"bias_{name}"] = metrics.bias_of(whole[..., position, :])
        if layout.strata:
            found[f"balanced_ccc_{name}"] = metrics.concordance_of(balanced[..., position, :])
    if layout.attributes == ATTRIBUTES:
        for prefix in ("", "balanced_") if layout.strata else ("",):
            found[f"{prefix}ccc_mean"] = np.mean([found[f"{prefix}ccc_{name}"] for name in ATTRIBUTES], axis=0)
    return found


def _category_scores(layout: Layout, confusion: Floats, full: bool) -> dict[str, Floats]:
    accuracy, uar = metrics.accuracy(confusion), metrics.uar(confusion)
    support = confusion.sum(axis=-1, keepdims=True)
    # every class that occurs weighs 1, as if it had equally many utterances
    balanced = np.divide(confusion, support, out=np.zeros_like(confusion), where=support > 0)
    found = {
        "accuracy": accuracy,
        "uar": uar,
        "uar_plus_accuracy": uar + accuracy,
        "macro_f1": metrics.macro_f1(confusion),
        "micro_f1": metrics.micro_f1(confusion),
        "balanced_macro_f1": metrics.macro_f1(balanced),
        "balanced_accuracy": metrics.accuracy(balanced),
    }
    if full:
        for name, function in (
            ("precision", metrics.precisions),
            ("recall", metrics.recalls),
            ("f1", metrics.f1_scores),
        ):
            values = function(confusion)
            found |= {f"{name}_{emotion}": values[..., i] for i, emotion in enumerate(layout.classes)}
    return found


def _balanced_moments(moments: Floats) -> Floats:
    """Return the sum over classes of their mean moments: `(..., 6)` of `(..., classes, 6)`."""
    counts = moments[..., :1]
    means: Floats = np.divide(moments, counts, out=np.zeros_like(moments), where=counts > 0).sum(axis=-2)
    return means
