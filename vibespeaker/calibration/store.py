"""A fitted calibration: what it holds, what it does to values, and its JSON file beside the checkpoint."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vibespeaker.calibration.conformal import Conformal
from vibespeaker.calibration.prior_shift import shift_prior
from vibespeaker.calibration.scaling import AttributeMap, CategoryScaling
from vibespeaker.errors import PredictionsError
from vibespeaker.files import write_text
from vibespeaker.files.inputs import read_json
from vibespeaker.files.stored_fields import stored_as
from vibespeaker.labels import ATTRIBUTES

SCHEMA_VERSION = 1
_KIND = "calibration"
_REMEDY = "make one with: vibespeaker calibrate"


@dataclass(frozen=True)
class FittedOn:
    """The utterances a calibration was fitted on: it must never be evaluated on them.

    Args:
        split: name of the split.
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
        prior: class frequencies of the fitted split, the prior that scaled posteriors carry; null without a category
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

    def fault(self) -> str:
        """Return what about its numbers cannot be, nothing where all is well."""
        count = len(self.classes)
        priors = [prior for prior in (self.prior, self.target_prior) if prior is not None]
        shares = [share for prior in priors for share in prior]
        scaling = () if self.categories is None else (*self.categories.scale, *self.categories.shift)
        rows = [*priors] if self.categories is None else [*priors, self.categories.scale, self.categories.shift]
        knots = [one for mapped in self.attributes.values() for one in (*mapped.predicted, *mapped.calibrated)]
        if not all(map(math.isfinite, (*scaling, *shares, *knots))):
            return "numbers that are not finite"
        if any(len(row) != count for row in rows) or any(share < 0 for share in shares):
            return f"not one number for each of {count} classes"
        if self.categories is not None and min(self.categories.scale, default=1) <= 0:
            return "factors of logits that are not positive"
        if any(len(one.predicted) != len(one.calibrated) or not one.predicted for one in self.attributes.values()):
            return "knots of an attribute without images"
        if self.conformal is None:
            return ""
        halves = (self.conformal.level, self.conformal.categories or 0, *self.conformal.attributes.values())
        return "thresholds that are no numbers" if any(map(math.isnan, halves)) else ""

    def write(self, path: Path) -> None:
        """Write JSON; the same calibration gives the same bytes."""
        write_text(path, json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n")

    def to_json(self) -> dict[str, Any]:
        """Return what JSON keeps of it."""
        fields = {"kind": _KIND, "schema_version": SCHEMA_VERSION, **asdict(self)}
        if self.conformal is not None:
            halves = self.conformal.attributes.items()
            fields["conformal"]["attributes"] = {name: half if math.isfinite(half) else None for name, half in halves}
        return fields

    @staticmethod
    def read(path: Path) -> "Calibration":
        """Read what `write` wrote.

        Raises:
            PredictionsError: the file is missing, is no calibration or is damaged.
        """
        return Calibration.from_json(read_json(path, PredictionsError, "calibration", _REMEDY), f"calibration {path}")

    @staticmethod
    def from_json(content: Mapping[str, Any], source: str) -> "Calibration":
        """Make one of what JSON kept of it.

        Args:
            content: as `to_json` gives it.
            source: what errors call it.

        Raises:
            PredictionsError: it is no calibration or is damaged.
        """
        fields = dict(content)
        if fields.pop("kind", None) != _KIND:
            raise PredictionsError(f"{source} is not a calibration", remedy=_REMEDY)
        if fields.pop("schema_version", None) != SCHEMA_VERSION:
            raise PredictionsError(f"{source} has another schema version", allowed=str(SCHEMA_VERSION))
        calibration = stored_as(Calibration, _with_infinite(fields), source, PredictionsError, _REMEDY)
        wrong = calibration.fault()
        if wrong:
            raise PredictionsError(f"{source} is damaged: {wrong}", remedy=_REMEDY)
        return calibration


def calibration_path(checkpoint: Path) -> Path:
    """Return where the calibration of a checkpoint lies: `best.ckpt` has `best.calibration.json` beside it."""
    return checkpoint.with_suffix(".calibration.json")


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


def _with_infinite(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with infinite half widths of intervals, for which JSON has null."""
    conformal = fields.get("conformal")
    if not isinstance(conformal, dict) or not isinstance(conformal.get("attributes"), dict):
        return fields
    halves = {name: math.inf if half is None else half for name, half in conformal["attributes"].items()}
    return {**fields, "conformal": {**conformal, "attributes": halves}}
