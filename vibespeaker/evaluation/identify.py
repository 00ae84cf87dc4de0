"""Utterances of other programs' predictions, which may know file names only."""

from dataclasses import replace

import pandas as pd

from vibespeaker.errors import PredictionsError
from vibespeaker.predictions import Predictions

_SHOWN = 5


def identify(predictions: Predictions, known: pd.DataFrame, source: object) -> Predictions:
    """Return a table that was read by file names with utterance ids, and with splits where it has none; others as is.

    Args:
        predictions: a table.
        known: columns `utterance_id`, `file_name`, `split` of the utterances that file names are looked up in.
        source: what errors call the table.

    Raises:
        PredictionsError: a file name is unknown, or several utterances have it; names the first.
    """
    if not predictions.metadata.provenance.get("by_file"):
        return predictions
    repeated = known["file_name"].duplicated(keep=False)
    by_name = known[~repeated].set_index("file_name")
    names = predictions.frame["file_name"]
    unknown = names[~names.isin(by_name.index)]
    if len(unknown):
        ambiguous = unknown.isin(known["file_name"]).any()
        raise PredictionsError(
            f"{source}: {len(unknown)} file names " + ("belong to several utterances" if ambiguous else "are unknown"),
            found=", ".join(unknown[:_SHOWN]),
            remedy="give a column utterance_id",
        )
    rows = by_name.loc[names]
    frame = predictions.frame.assign(utterance_id=rows["utterance_id"].to_numpy())
    if frame["split"].isna().all():
        frame = frame.assign(split=rows["split"].to_numpy())
    provenance = {key: value for key, value in predictions.metadata.provenance.items() if key != "by_file"}
    return Predictions(frame, replace(predictions.metadata, provenance=provenance))
