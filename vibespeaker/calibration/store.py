"""A fitted calibration: what it holds, its JSON file beside the checkpoint, and its way onto a prediction table."""

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from vibespeaker.calibration.conformal import Conformal, conformal_from_json
from vibespeaker.calibration.prior_shift import shift_prior
from vibespeaker.calibration.scaling import AttributeMap, CategoryScaling, map_from_json, scaling_from_json
from vibespeaker.errors import PredictionsError
from vibespeaker.files import atomic_path, write_text
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.predictions import Predictions

logger = logging.getLogger(__name__)

SCHEMA_VERSION = 1
_KIND = "calibration"


@dataclass(frozen=True)
class FittedOn:
    """The utterances a calibration was fitted on: it must never be judged by them.

    Args:
        split: name of the part.
        manifest: SHA-256 of the manifest with the true labels.
        utterances: number of labelled ones.
        speakers: number of speakers.
    """

    split: str
    manifest: str
    utterances: int
    speakers: int


@dataclass(frozen=True)
class Calibration:
    """Everything fitted for one checkpoint.

    Args:
        label_set: name of the label set.
        classes: its classes, in the order of the logits.
        checkpoint: SHA-256 of the checkpoint whose predictions these are; null for a system without one.
        fitted_on: where.
        categories: scaling of the logits; null without a category head.
        prior: class frequencies of the fitted part, the prior that scaled posteriors carry; null without a category
        head. target_prior: class frequencies that posteriors are moved to after scaling; null to leave them.
        attributes: attribute → map; those without a head are missing. conformal: thresholds, on scaled posteriors
        before a change of prior; null when none were asked for.
    """

    label_set: str
    classes: tuple[str, ...]
    checkpoint: str | None
    fitted_on: FittedOn
    categories: CategoryScaling | None = None
    prior: tuple[float, ...] | None = None
    target_prior: tuple[float, ...] | None = None
    attributes: Mapping[str, AttributeMap] = field(default_factory=dict)
    conformal: Conformal | None = None

    def logits(self, logits: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return scaled logits under the target prior, `(N, C)` like the uncalibrated `logits`."""
        values = np.asarray(logits, np.float64)
        if self.categories is not None:
            values = self.categories(values)
            if self.target_prior is not None and self.prior is not None:
                values = shift_prior(values, self.prior, self.target_prior)
        return values

    def values(self, attributes: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return mapped attributes, `(N, 3)` on 1–7 like the uncalibrated `attributes`; NaN stays NaN."""
        mapped = np.array(attributes, np.float64)
        for column, name in enumerate(ATTRIBUTES):
            if name in self.attributes:
                mapped[:, column] = self.attributes[name](mapped[:, column])
        return mapped

    def write(self, path: Path) -> None:
        """Write JSON; the same calibration gives the same bytes."""
        fields = {"kind": _KIND, "schema_version": SCHEMA_VERSION, **asdict(self)}
        if self.conformal is not None:
            halves = self.conformal.attributes.items()
            fields["conformal"]["attributes"] = {name: half if math.isfinite(half) else None for name, half in halves}
        write_text(path, json.dumps(fields, indent=1, ensure_ascii=False, allow_nan=False) + "\n")

    @staticmethod
    def read(path: Path) -> "Calibration":
        """Read what `write` wrote.

        Raises:
            PredictionsError: the file is missing, is no calibration or is damaged.
        """
        remedy = "make one with: vibespeaker calibrate"
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise PredictionsError(f"calibration {path} cannot be read", found=error, remedy=remedy) from error
        if not isinstance(fields, dict) or fields.pop("kind", None) != _KIND:
            raise PredictionsError(f"{path} is not a calibration", remedy=remedy)
        if fields.pop("schema_version", None) != SCHEMA_VERSION:
            raise PredictionsError(f"calibration {path} has another schema version", allowed=str(SCHEMA_VERSION))
        try:
            return _calibration(fields)
        except (KeyError, TypeError) as error:
            raise PredictionsError(f"calibration {path} is damaged", found=repr(error), remedy=remedy) from error


def calibration_path(checkpoint: Path) -> Path:
    """Return where the calibration of a checkpoint lies: `best.ckpt` has `best.calibration.json` beside it."""
    return checkpoint.with_suffix(".calibration.json")


def sets_path(table: Path) -> Path:
    """Return where sets and intervals of a prediction table lie: `test.parquet` has `test.sets.parquet` beside it."""
    return table.with_suffix(".sets.parquet")


def find_calibration(checkpoint: Path, checkpoint_sha256: str) -> Calibration | None:
    """Return the calibration beside a checkpoint, or None where there is none.

    Raises:
        PredictionsError: there is one, and it belongs to other weights.
    """
    path = calibration_path(checkpoint)
    if not path.is_file():
        return None
    calibration = Calibration.read(path)
    if calibration.checkpoint != checkpoint_sha256:
        raise PredictionsError(
            f"calibration {path} belongs to another checkpoint",
            found=calibration.checkpoint,
            allowed=checkpoint_sha256,
            remedy="calibrate this checkpoint again, or remove the file",
        )
    return calibration


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


def write_calibrated(predictions: Predictions, checkpoint: Path | None, path: Path) -> None:
    """Write a table, calibrated where a calibration lies beside its checkpoint, then with sets and intervals beside it.

    Args:
        predictions: uncalibrated, with the checkpoint's hash in the metadata.
        checkpoint: what made them, or null.
        path: the table to write; sets and intervals go to `NAME.sets.parquet`.

    Raises:
        PredictionsError: the calibration beside the checkpoint belongs to other weights or classes.
    """
    digest = predictions.metadata.checkpoint
    calibration = None if checkpoint is None or digest is None else find_calibration(checkpoint, digest)
    if calibration is None or checkpoint is None:
        predictions.write(path)
        return
    apply_calibration(predictions, calibration).write(path)
    if calibration.conformal is not None:
        write_conformal(predictions, calibration, sets_path(path))
    logger.info("predictions are calibrated as %s says", calibration_path(checkpoint))


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
    """Write `conformal_table` as Parquet."""
    table = conformal_table(predictions, calibration)
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False)


def _provenance(before: Mapping[str, Any], calibration: Calibration) -> dict[str, Any]:
    """Name the calibration, and the part it was fitted on in the way that evaluations look for."""
    named = {
        "categories": None if calibration.categories is None else calibration.categories.method,
        "attributes": {name: mapped.method for name, mapped in calibration.attributes.items()},
        "prior": calibration.prior if calibration.target_prior is None else calibration.target_prior,
        "level": None if calibration.conformal is None else calibration.conformal.level,
        "fitted_on": asdict(calibration.fitted_on),
    }
    part = {"split": calibration.fitted_on.split, "manifest": calibration.fitted_on.manifest}
    fitted = before.get("fitted") or {"what": "calibration", **part, "cross_fitted": False}
    return {**before, "calibration": named, "fitted": fitted}


def _calibration(fields: dict[str, Any]) -> Calibration:
    def optional(name: str, remake: Any) -> Any:
        return None if fields[name] is None else remake(fields[name])

    return Calibration(
        label_set=fields["label_set"],
        classes=tuple(fields["classes"]),
        checkpoint=fields["checkpoint"],
        fitted_on=FittedOn(**fields["fitted_on"]),
        categories=optional("categories", scaling_from_json),
        prior=optional("prior", tuple),
        target_prior=optional("target_prior", tuple),
        attributes={name: map_from_json(mapped) for name, mapped in fields["attributes"].items()},
        conformal=optional("conformal", conformal_from_json),
    )
