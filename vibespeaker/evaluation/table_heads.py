"""Further heads of a prediction table against the manifest: scores, and the intervals of the speaker bootstrap."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from vibespeaker.data.heads import head_targets
from vibespeaker.evaluation.bootstrap import draw_counts, percentiles
from vibespeaker.evaluation.head_scores import HeadScores, head_scores, head_sums, scores_of
from vibespeaker.evaluation.statistics import Floats, Integers
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions

#: Heads of more classes have no intervals: the confusion matrices of all speakers would fill the memory.
MOST_CLASSES = 32


@dataclass(frozen=True, eq=False)
class Resampling:
    """How intervals are made: as those of categories and attributes, with the same draws.

    Args:
        clusters: `(N,)`, see `bootstrap.clusters_of`.
        count: number of clusters.
        draws: number of draws, 0 for none.
        seed: of the draws.
        level: coverage.
    """

    clusters: Integers
    count: int
    draws: int
    seed: int
    level: float


def table_scores(
    predictions: Predictions, manifest: Path, is_scored: npt.NDArray[np.bool_], resampling: Resampling
) -> dict[str, HeadScores]:
    """Return the scores of a table's further heads whose truth a manifest holds.

    Args:
        predictions: N rows.
        manifest: of all of them.
        is_scored: `(N,)`, False for the rows that the label policy leaves out.
        resampling: of the intervals.
    """
    found = {}
    for name, spec in predictions.metadata.heads.items():
        if not predictions.has(spec.columns(name)[0]):
            continue
        known = Manifest.read(manifest, ("utterance_id", spec.column))
        rows = pd.Index(known.column("utterance_id")).get_indexer(predictions.frame["utterance_id"])
        truth, outputs = head_targets(known, spec)[rows][is_scored], predictions.head(name)[is_scored]
        scored = head_scores(spec, outputs, truth)
        clusters = resampling.clusters[is_scored]
        found[name] = replace(scored, intervals=_intervals(spec, scored, outputs, truth, clusters, resampling))
    return found


def _intervals(
    spec: HeadSpec,
    scored: HeadScores,
    outputs: Floats,
    truth: npt.NDArray[np.generic],
    clusters: Integers,
    resampling: Resampling,
) -> Mapping[str, tuple[float, float]]:
    if not scored.scores or not resampling.draws or resampling.count < 2 or len(spec.classes) > MOST_CLASSES:
        return {}
    sums = head_sums(spec, outputs, truth, clusters, resampling.count)
    chunks = [
        scores_of(spec, counts @ sums) for counts in draw_counts(resampling.count, resampling.draws, resampling.seed)
    ]
    drawn = [np.concatenate([chunk[name] for chunk in chunks]) for name in scored.scores]
    return dict(zip(scored.scores, percentiles(drawn, resampling.level), strict=True))
