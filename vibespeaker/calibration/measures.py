"""What calibration changes, in numbers: one row of scores for predictions beside the truth."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from rich.table import Column, Table

from vibespeaker import metrics
from vibespeaker.calibration.conformal import Conformal, interval_coverage, set_coverage
from vibespeaker.calibration.evidence import Evidence
from vibespeaker.calibration.prior_shift import balanced_macro_f1
from vibespeaker.calibration.reliability import (
    brier_score,
    calibration_error,
    negative_log_likelihood,
    risk_coverage,
)
from vibespeaker.labels import ATTRIBUTE_CENTRE, ATTRIBUTES
from vibespeaker.metrics import softmax


def measure(evidence: Evidence, conformal: Conformal | None = None) -> dict[str, float]:
    """Return the scores that calibration is about.

    Args:
        evidence: predictions beside the truth.
        conformal: thresholds whose coverage is measured too; the evidence must be scaled already.

    Returns:
        `ece`, `brier`, `nll`, `risk_area`, `accuracy`, `macro_f1`, `balanced_macro_f1`, `coverage_categories`,
        `set_size`; `ccc_`, `rmse_`, `slope_`, `coverage_` and `width_` of each attribute; what there is no head or no
        truth for is missing.
    """
    scores: dict[str, float] = {}
    known = evidence.with_category
    if evidence.logits is not None and known.any():
        logits, true = evidence.logits[known], evidence.categories[known]
        scores |= _of_categories(logits, true)
        if conformal is not None and conformal.categories is not None:
            covered, size = set_coverage(conformal.sets(softmax(logits)), true)
            scores |= {"coverage_categories": covered, "set_size": size}
    for name in ATTRIBUTES:
        predicted, values = evidence.pairs(name)
        if not len(values):
            continue
        sums = metrics.moments(values, predicted, ATTRIBUTE_CENTRE)
        scores[f"ccc_{name}"] = float(metrics.concordance_of(sums))
        scores[f"rmse_{name}"] = float(metrics.rmse_of(sums))
        scores[f"slope_{name}"] = float(metrics.calibration_slope_of(sums))
        if conformal is not None and name in conformal.attributes:
            covered, width = interval_coverage(*conformal.interval(name, predicted), values)
            scores |= {f"coverage_{name}": covered, f"width_{name}": width}
    return scores


def as_table(title: str, variants: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> Table:
    """Return scores as a table for the terminal: one row per score, one column per variant, so that it fits.

    Args:
        title: shown above.
        variants: what was measured → scores.
        names: scores, in the order of the rows; one that no variant has is left out.
    """
    table = Table(Column("score", no_wrap=True), title=title, title_justify="left")
    for variant in variants:
        table.add_column(variant, justify="right")
    for name in names:
        if any(name in scores for scores in variants.values()):
            cells = (f"{scores[name]:.3f}" if name in scores else "–" for scores in variants.values())
            table.add_row(name.replace("_", " "), *cells)
    return table


def _of_categories(logits: npt.NDArray[np.float64], true: npt.NDArray[np.int64]) -> dict[str, float]:
    probabilities = softmax(logits)
    confusion = metrics.confusion_matrix(true, logits.argmax(axis=1), logits.shape[1])
    return {
        "ece": calibration_error(probabilities, true),
        "brier": brier_score(probabilities, true),
        "nll": negative_log_likelihood(probabilities, true),
        "risk_area": float(risk_coverage(probabilities, true)[1].mean()),
        "accuracy": float(metrics.accuracy(confusion)),
        "uar": float(metrics.uar(confusion)),
        "macro_f1": float(metrics.macro_f1(confusion)),
        "balanced_macro_f1": balanced_macro_f1(logits, true),
    }
