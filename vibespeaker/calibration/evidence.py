"""Prediction tables beside the truth."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from vibespeaker.errors import PredictionsError
from vibespeaker.evaluation.identify import identify
from vibespeaker.evaluation.targets import Truth
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.predictions import Predictions

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Predictions beside the truth, one entry per utterance.

    Args:
        logits: `(N, C)`, or null without a category head.
        categories: `(N,)` true class indices, −1 where there is none in the label set.
        predicted: `(N, 3)` predicted attributes on 1–7, NaN where there is no head.
        attributes: `(N, 3)` true attributes on 1–7, NaN where unknown.
        speakers: `(N,)`, identifiers of speakers.
        groups: `(N,)`, what belongs together and must be calibrated together, see `Truth.groups`.
    """

    logits: Floats | None
    categories: npt.NDArray[np.int64]
    predicted: Floats
    attributes: Floats
    speakers: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.categories)

    @property
    def with_category(self) -> npt.NDArray[np.bool_]:
        """Utterances that can be scored by category, `(N,)`; none without a head."""
        return (self.categories >= 0) & (self.logits is not None)

    @property
    def labelled(self) -> npt.NDArray[np.bool_]:
        """Utterances that can be scored by anything, `(N,)`."""
        return np.any([self.with_category, *(self.with_attribute(name) for name in ATTRIBUTES)], axis=0)

    def with_attribute(self, attribute: str) -> npt.NDArray[np.bool_]:
        """Utterances that can be scored by `attribute`, `(N,)`."""
        column = ATTRIBUTES.index(attribute)
        return np.isfinite(self.predicted[:, column]) & np.isfinite(self.attributes[:, column])

    def pairs(self, attribute: str) -> tuple[Floats, Floats]:
        """Return predicted and true values of `attribute` where both are known."""
        known, column = self.with_attribute(attribute), ATTRIBUTES.index(attribute)
        return self.predicted[known, column], self.attributes[known, column]


def rows_of_split(predictions: Predictions, split: str | None, source: object) -> Predictions:
    """Return the rows of one split, or all of them for null.

    Raises:
        PredictionsError: no row is of that split; `source` is what the error calls the table.
    """
    if split is None:
        return predictions
    kept = predictions.frame["split"] == split
    if not kept.any():
        present = sorted(predictions.frame["split"].dropna().unique())
        raise PredictionsError(f"{source} has no predictions of split {split!r}", allowed=present or "(names none)")
    return replace(predictions, frame=predictions.frame[kept].reset_index(drop=True))


def evidence_of(predictions: Predictions, truth: Truth, source: object) -> Evidence:
    """Return the predictions beside the truth, in the order of the predictions, with the logits of the scored classes.

    Raises:
        PredictionsError: an utterance is not in the manifest, or a scored class has no logit.
    """
    predictions = identify(predictions, truth.names, source)
    identifiers = predictions.frame["utterance_id"].tolist()
    targets = truth.targets(identifiers, source)
    return Evidence(
        logits=truth.class_logits(predictions, source) if predictions.has_categories else None,
        categories=targets.categories,
        predicted=predictions.attributes(),
        attributes=targets.attributes,
        speakers=targets.speakers,
        groups=truth.groups(identifiers, source),
    )
