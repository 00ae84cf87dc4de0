"""Whether predictions are of the recordings that are scored, and of all of them: refused, or said beside the scores."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from vibespeaker.errors import PredictionsError
from vibespeaker.evaluation.targets import Targets, Truth
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.labels.heads import ATTRIBUTES_HEAD, CATEGORIES_HEAD
from vibespeaker.predictions import Predictions
from vibespeaker.provenance import UNTRAINED

_SHOWN = 5


def refuse_other_files(predictions: Predictions, names: "pd.Series[str]", source: object, other: object) -> None:
    """Refuse predictions of other recordings under the same utterance ids.

    Args:
        predictions: a table.
        names: utterance id → published file name, as another table or a manifest has them.
        source: what errors call the predictions, usually their path.
        other: what they call where `names` come from.

    Raises:
        PredictionsError: an id has another file name there; ids that are not there do not count.
    """
    frame = predictions.frame
    theirs = frame["utterance_id"].map(names)
    rows = np.flatnonzero((theirs.notna() & (theirs != frame["file_name"])).to_numpy())
    if len(rows):
        shown = [
            f"{frame['utterance_id'].iloc[row]} is {frame['file_name'].iloc[row]}, there {theirs.iloc[row]}"
            for row in rows[:_SHOWN]
        ]
        raise PredictionsError(
            f"{source} predicts other recordings than {other} under the same utterance ids, {len(rows)} in all",
            found="; ".join(shown),
            remedy="give the manifest and the tables that belong together",
        )


def coverage_notes(truth: Truth, targets: Targets, splits: Sequence[str]) -> Iterator[str]:
    """Say how many labelled utterances were not predicted.

    Args:
        truth: what the manifest knows.
        targets: of the utterances that were predicted.
        splits: the split that is scored; none for all that hold a predicted utterance.
    """
    wanted = list(splits) or targets.frame["split"].unique().tolist()
    inside = truth.frame["split"].isin([split for split in wanted if isinstance(split, str)])
    if not all(isinstance(split, str) for split in wanted):
        inside |= truth.frame["split"].isna()
    known = truth.frame["category"].isin(truth.labels.classes) | truth.frame[list(ATTRIBUTES)].notna().any(axis=1)
    labelled = truth.frame.index[inside & known]
    missing = len(labelled) - int(labelled.isin(targets.frame["utterance_id"]).sum())
    if missing:
        yield f"{missing} of {len(labelled)} labelled utterances have no prediction: the scores are of the others"


def table_notes(name: str, predictions: Predictions, truth: Truth) -> Iterator[str]:
    """Say of a table that it was made from another manifest, or by a head that was never trained.

    Args:
        name: of the system.
        predictions: its table.
        truth: what the manifest knows.
    """
    made_from = predictions.metadata.manifest
    if made_from is not None and made_from != truth.sha256:
        yield (
            f"{name}: predicted from another manifest ({made_from[:12]}) than the one that is scored "
            f"({truth.sha256[:12]}): utterances with the same id and file name are taken to be the same"
        )
    for head in untrained_heads(predictions):
        yield f"{name}: the head {head} {UNTRAINED}"


def untrained_heads(predictions: Predictions) -> list[str]:
    """Return the heads that fill columns of a table though nothing trained them; none where that is not recorded."""
    filled = {
        CATEGORIES_HEAD: predictions.has_categories,
        ATTRIBUTES_HEAD: any(map(predictions.has, ATTRIBUTES)),
        **{name: predictions.has(spec.columns(name)[0]) for name, spec in predictions.metadata.heads.items()},
    }
    return [head for head, is_filled in filled.items() if is_filled and predictions.metadata.never_trained(head)]
