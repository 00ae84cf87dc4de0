"""A fitted calibration: what it holds, what it does to values, and its JSON file beside the checkpoint."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vibespeaker.calibration.conformal import Conformal, conformal_from_json
from vibespeaker.calibration.prior_shift import shift_prior
from vibespeaker.calibration.scaling import AttributeMap, CategoryScaling, map_from_json, scaling_from_json
from vibespeaker.errors import PredictionsError
from vibespeaker.files import write_text
from vibespeaker.files.inputs import read_json
from vibespeaker.labels import ATTRIBUTES

SCHEMA_VERSION = 1
_KIND = "calibration"


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
        fields = read_json(path, PredictionsError, "calibration", remedy)
        if fields.pop("kind", None) != _KIND:
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
