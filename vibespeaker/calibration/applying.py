"""Applies a calibration to prediction tables: calibrated values in the table, sets and intervals beside it."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vibespeaker.calibration.store import Calibration
from vibespeaker.errors import PredictionsError
from vibespeaker.files import atomic_path
from vibespeaker.files.csv_text import write_csv
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.predictions import Predictions

logger = logging.getLogger(__name__)


def apply_calibration(predictions: Predictions, calibration: Calibration) -> Predictions:
    """Return the table with scaled logits and mapped attributes, and the calibration named in its provenance.

    Raises:
        PredictionsError: the label sets or the checkpoints differ, or the table is calibrated already.
    """
    metadata = predictions.metadata
    if tuple(metadata.classes) != calibration.classes:
        raise PredictionsError(
            f"the calibration is for other classes than the predictions of {metadata.system!r}",
            found=calibration.classes,
            allowed=metadata.classes,
        )
    if None not in (metadata.checkpoint, calibration.checkpoint) and metadata.checkpoint != calibration.checkpoint:
        raise PredictionsError(
            f"the calibration is for another checkpoint than the predictions of {metadata.system!r}",
            found=calibration.checkpoint,
            allowed=str(metadata.checkpoint),
        )
    if "calibration" in metadata.provenance:
        raise PredictionsError(f"the predictions of {metadata.system!r} are calibrated already")
    frame = predictions.frame.copy()
    if predictions.has_categories:
        frame[list(metadata.labels.logit_columns)] = calibration.logits(predictions.logits()).astype(np.float32)
    frame[list(ATTRIBUTES)] = calibration.values(predictions.attributes()).astype(np.float32)
    return Predictions(frame, replace(metadata, provenance=_provenance(metadata.provenance, calibration)))


def write_calibrated(predictions: Predictions, calibration: Calibration | None, path: Path) -> None:
    """Write a table, calibrated where there is a calibration, then with sets and intervals beside it.

    Args:
        predictions: uncalibrated, with the system's hash in the metadata.
        calibration: fitted for the system, or null.
        path: the table to write; sets and intervals go to `NAME.sets.parquet`.

    Raises:
        PredictionsError: the calibration belongs to other weights or classes.
    """
    if calibration is None:
        predictions.write(path)
        return
    apply_calibration(predictions, calibration).write(path)
    if calibration.conformal is not None:
        write_conformal(predictions, calibration, sets_path(path))
    fitted = calibration.fitted_on
    logger.info("predictions are calibrated, by %d utterances of %s", fitted.utterances, fitted.split)


def conformal_table(predictions: Predictions, calibration: Calibration) -> pd.DataFrame:
    """Return sets and intervals for uncalibrated predictions, in their order.

    Returns:
        columns `utterance_id`; `in_set_<class>` (boolean) with a category head; `<attribute>_low`, `<attribute>_high`.

    Raises:
        PredictionsError: the calibration has no thresholds, or the predictions are calibrated already.
    """
    if calibration.conformal is None:
        raise PredictionsError("the calibration has no conformal thresholds", remedy="calibrate with a level")
    if "calibration" in predictions.metadata.provenance:
        raise PredictionsError("sets and intervals are made from uncalibrated predictions")
    columns: dict[str, Any] = {"utterance_id": predictions.frame["utterance_id"]}
    if predictions.has_categories and calibration.categories is not None:
        unmoved = apply_calibration(predictions, replace(calibration, target_prior=None))
        sets = calibration.conformal.sets(unmoved.probabilities())
        columns |= {f"in_set_{name}": sets[:, number] for number, name in enumerate(calibration.classes)}
    for name in ATTRIBUTES:
        if name in calibration.attributes and predictions.has(name):
            centres = calibration.attributes[name](predictions.frame[name])
            columns[f"{name}_low"], columns[f"{name}_high"] = calibration.conformal.interval(name, centres)
    return pd.DataFrame(columns)


def write_conformal(predictions: Predictions, calibration: Calibration, path: Path) -> None:
    """Write `conformal_table` as Parquet, or as CSV, as the suffix says."""
    table = conformal_table(predictions, calibration)
    if path.suffix == ".csv":
        write_csv(path, list(table.columns), table.astype(object).values.tolist())
        return
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False)


def sets_path(table: Path) -> Path:
    """Return where sets and intervals of a prediction table lie: `test.parquet` has `test.sets.parquet` beside it."""
    return table.with_suffix(f".sets{table.suffix}")


def _provenance(before: Mapping[str, Any], calibration: Calibration) -> dict[str, Any]:
    """Name the calibration, and the split it was fitted on in the way that evaluations look for."""
    named = {
        "categories": None if calibration.categories is None else calibration.categories.method,
        "attributes": {name: mapped.method for name, mapped in calibration.attributes.items()},
        "prior": calibration.prior if calibration.target_prior is None else calibration.target_prior,
        "level": None if calibration.conformal is None else calibration.conformal.level,
        "fitted_on": asdict(calibration.fitted_on),
    }
    source = {"split": calibration.fitted_on.split, "manifest": calibration.fitted_on.manifest}
    fitted = before.get("fitted") or {"what": "calibration", **source, "cross_fitted": False}
    return {**before, "calibration": named, "fitted": fitted}
