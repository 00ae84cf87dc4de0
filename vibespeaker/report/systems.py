"""The prediction tables of a report beside their truth and their scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vibespeaker.calibration.evidence import Evidence, evidence_of, rows_of_split
from vibespeaker.evaluation.scores import Evaluation, SystemScores
from vibespeaker.evaluation.targets import Truth
from vibespeaker.metrics import softmax
from vibespeaker.predictions import Predictions


@dataclass(frozen=True, eq=False)
class System:
    """One system of the report.

    Args:
        name: as shown.
        path: its prediction table.
        predictions: the rows of the scored split.
        evidence: the same beside the truth.
        scores: what the evaluation found.
    """

    name: str
    path: Path
    predictions: Predictions
    evidence: Evidence
    scores: SystemScores

    def labelled_probabilities(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Return probabilities `(N, C)` and true classes `(N,)` of the utterances with a category; N may be 0."""
        known = self.evidence.with_category
        if self.evidence.logits is None:
            return np.empty((0, len(self.scores.classes))), np.empty(0, np.int64)
        return softmax(self.evidence.logits[known]), self.evidence.categories[known]


def systems_of(paths: Sequence[Path], evaluation: Evaluation, truth: Truth) -> list[System]:
    """Read the tables that were evaluated, in the order given.

    Raises:
        PredictionsError: a table cannot be read or does not fit the manifest.
    """
    by_source = {scores.source: scores for scores in evaluation.systems}
    systems = []
    for path in paths:
        predictions = rows_of_split(Predictions.read(path), evaluation.settings.split, path)
        scores = by_source[str(path)]
        systems.append(System(scores.system, path, predictions, evidence_of(predictions, truth, path), scores))
    return systems
