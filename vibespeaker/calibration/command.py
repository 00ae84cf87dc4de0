"""`vibespeaker calibrate`: fit on one split, judge on unseen speakers and another split, keep beside the checkpoint."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from vibespeaker.arguments.ranges import INNER_SHARE, require
from vibespeaker.calibration.applying import apply_calibration
from vibespeaker.calibration.evidence import Evidence, evidence_of, rows_of_split
from vibespeaker.calibration.fitting import Fitted, fit
from vibespeaker.calibration.measures import as_table, measure
from vibespeaker.calibration.prior_shift import uniform
from vibespeaker.calibration.store import Calibration, FittedOn, calibration_path
from vibespeaker.errors import ConfigError, PredictionsError
from vibespeaker.evaluation.policies import scoring_policy
from vibespeaker.evaluation.targets import Truth
from vibespeaker.files import file_sha256, write_text
from vibespeaker.files.outputs import check_different, check_output
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.predictions import Predictions
from vibespeaker.progress import plain_console

log = logging.getLogger(__name__)

#: Splits that may be fitted on: not those trained on, whose predictions are too good, nor those that scores are for.
FIT_SPLITS = ("validation", "development")
_OF_CATEGORIES = (
    *("ece", "brier", "nll", "risk_area", "accuracy", "macro_f1", "balanced_macro_f1"),
    *("coverage_categories", "set_size"),
)


def calibrate(
    predictions: Path,
    manifest: Path = Path("manifest.parquet"),
    split: str = "validation",
    checkpoint: Path | None = None,
    out: Path | None = None,
    categories: Literal["temperature", "vector"] = "temperature",
    attributes: Literal["linear", "moments", "isotonic"] = "linear",
    level: float = 0.9,
    sets: Literal["lac", "aps"] = "lac",
    target_prior: Literal["keep", "uniform"] = "keep",
    test: Path | None = None,
    test_split: str | None = None,
    scores: Path | None = None,
    policy: dict[str, str] | None = None,
) -> int:
    """Calibrate probabilities and attributes, with prediction sets and intervals of a chosen coverage.

    The calibration is fitted on one split and judged there on unseen speakers, and on another split where one is
    given. `vibespeaker predict` applies the file that lies beside its checkpoint.

    Args:
        predictions: uncalibrated prediction table.
        manifest: manifest with the true labels.
        split: the split to fit on.
        checkpoint: checkpoint that made the predictions; the calibration is written beside it.
        out: JSON file to write instead.
        categories: temperature: one factor for all logits; vector: factor and offset per class.
        attributes: linear: least squares; moments: the truth's mean and spread, best by CCC; isotonic: any rising map.
        level: nominal coverage of prediction sets and intervals, between 0 and 1.
        sets: lac: smallest sets; aps: sets that grow where the system is unsure.
        target_prior: uniform moves posteriors from the fitted split's class frequencies to equal ones.
        test: prediction table to judge on; the same table by default.
        test_split: the split to judge on; all of `test` by default.
        scores: JSON file for all measured scores.
        policy: what utterances without a class count for, instead of what the table's own policy says.

    Raises:
        PredictionsError: the table does not fit the manifest, the checkpoint or the test table.
        ConfigError: the split may not be fitted on, or there is nowhere to write.
    """
    require(INNER_SHARE, level=level)
    if split not in FIT_SPLITS:
        raise ConfigError(
            "calibration may not be fitted on this split",
            found=split,
            allowed=FIT_SPLITS,
            remedy="choose another --split",
        )
    inputs = [predictions, manifest, checkpoint, test]
    for name, place in (("--out", out), ("--scores", scores)):
        if place is not None:
            check_output(place, inputs=inputs, suffixes=(".json",), option=name)
    table = rows_of_split(_uncalibrated(predictions), split, predictions)
    path = _destination(table, checkpoint, out)
    check_output(path, inputs=inputs)
    check_different([path] if scores is None else [path, scores])
    counted = scoring_policy([(predictions, table.metadata)], policy)
    truth = Truth.read(manifest, table.metadata.label_set, counted)
    evidence = evidence_of(table, truth, predictions)
    fitted = fit(evidence, categories, attributes, level, sets)
    calibration = _calibration(table, truth, evidence, fitted, split, target_prior)
    rows = {f"{split}, as predicted": measure(evidence)}
    rows[f"{split}, unseen speakers"] = measure(fitted.unseen, fitted.conformal)
    if test is not None or test_split is not None:
        judged = rows_of_split(_uncalibrated(test or predictions), test_split, test or predictions)
        rows |= _judged(judged, calibration, truth, table, test or predictions)
    calibration.write(path)
    if scores is not None:
        write_text(scores, json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    _show(rows, table)
    log.info("wrote %s", path)
    return 0


def _uncalibrated(path: Path) -> Predictions:
    predictions = Predictions.read(path)
    if "calibration" in predictions.metadata.provenance:
        raise PredictionsError(
            f"{path} is calibrated already",
            remedy="move the calibration beside its checkpoint away and predict again",
        )
    return predictions


def _destination(table: Predictions, checkpoint: Path | None, out: Path | None) -> Path:
    if checkpoint is None:
        if out is None:
            raise ConfigError("there is nowhere to write the calibration", remedy="give --checkpoint or --out")
        return out
    if not checkpoint.is_file():
        raise PredictionsError(f"checkpoint {checkpoint} does not exist")
    digest = file_sha256(checkpoint)
    if table.metadata.checkpoint not in (None, digest):
        raise PredictionsError(
            f"the predictions were not made by {checkpoint}", found=table.metadata.checkpoint, allowed=digest
        )
    return out or calibration_path(checkpoint)


def _calibration(
    table: Predictions, truth: Truth, evidence: Evidence, fitted: Fitted, split: str, target_prior: str
) -> Calibration:
    labelled = evidence.labelled
    moved = target_prior == "uniform" and fitted.prior is not None
    return Calibration(
        label_set=table.metadata.label_set,
        classes=tuple(table.metadata.classes),
        checkpoint=table.metadata.checkpoint,
        fitted_on=FittedOn(split, truth.sha256, int(labelled.sum()), len(np.unique(evidence.speakers[labelled]))),
        categories=fitted.categories,
        prior=None if fitted.prior is None else tuple(fitted.prior.tolist()),
        target_prior=tuple(uniform(len(table.metadata.classes)).tolist()) if moved else None,
        attributes=fitted.attributes,
        conformal=fitted.conformal,
    )


def _judged(
    judged: Predictions, calibration: Calibration, truth: Truth, fitted_on: Predictions, source: Path
) -> dict[str, dict[str, float]]:
    """Scores of another split before and after, refused where it shares utterances with the fitted one."""
    shared = set(judged.frame["utterance_id"]) & set(fitted_on.frame["utterance_id"])
    if shared:
        raise PredictionsError(
            f"{source}: {len(shared)} utterances would be judged by a calibration that was fitted on them",
            found=sorted(shared)[:3],
            remedy="name another split with --test-split",
        )
    before = evidence_of(judged, truth, source)
    unmoved = apply_calibration(judged, replace(calibration, target_prior=None))
    name = judged.frame["split"].iloc[0] if judged.frame["split"].nunique() == 1 else str(source)
    rows = {f"{name}, as predicted": measure(before)}
    rows[f"{name}, calibrated"] = measure(evidence_of(unmoved, truth, source), calibration.conformal)
    if calibration.target_prior is not None:
        moved = apply_calibration(judged, calibration)
        rows[f"{name}, uniform prior"] = measure(evidence_of(moved, truth, source))
    return rows


def _show(rows: dict[str, dict[str, float]], table: Predictions) -> None:
    mark = " (synthetic speech)" if table.metadata.synthetic else ""
    console = plain_console()
    console.print(as_table(f"Categories of {table.metadata.system}{mark}", rows, _OF_CATEGORIES))
    for name in ATTRIBUTES:
        if table.has(name):
            names = [f"{score}_{name}" for score in ("ccc", "rmse", "slope", "coverage", "width")]
            console.print(as_table(f"{name.capitalize()} of {table.metadata.system}{mark}", rows, names))
