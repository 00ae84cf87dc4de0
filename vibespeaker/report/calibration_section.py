"""The section about calibration: how well probabilities are calibrated, and what abstaining would gain."""

from collections.abc import Mapping, Sequence

import numpy as np

from vibespeaker import figures
from vibespeaker.calibration.applying import sets_path
from vibespeaker.calibration.conformal import interval_coverage, set_coverage
from vibespeaker.calibration.reliability import (
    brier_score,
    calibration_error,
    negative_log_likelihood,
    reliability_bins,
    risk_coverage,
)
from vibespeaker.errors import PredictionsError
from vibespeaker.evaluation.scores import LEAST_UTTERANCES
from vibespeaker.figures.curves import Line
from vibespeaker.files.parquet import read_parquet
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.report.document import Block, Picture, Section, Table, best_cells, number
from vibespeaker.report.scores import leading
from vibespeaker.report.systems import System

_POINTS = 200
#: Reliability is drawn of so many systems at most; the table has all.
_DIAGRAMS = 2


def calibration(systems: Sequence[System]) -> Section:
    """Return calibration scores, reliability diagrams and risk over coverage of all systems with categories."""
    having = [system for system in systems if len(system.labelled_probabilities()[1])]
    if not having:
        return Section("Calibration", ())
    values = [_scores(system) for system in having]
    rows = tuple(
        (system.name, "yes" if _is_calibrated(system) else "no", *(number(value) for value in found))
        for system, found in zip(having, values, strict=True)
    )
    best = best_cells(((column + 2, [found[column] for found in values]) for column in range(4)), lower=True)
    header = ("system", "calibrated", "ECE", "Brier", "NLL", "area under risk")
    caption = "How well probabilities are calibrated; lower is better everywhere."
    drawn = leading(having, "macro_f1")
    curves = {system.name: _curve(system) for system in drawn}
    curve = Picture(
        "risk-coverage",
        figures.risk_coverage_figure(curves),
        "Share of wrong answers when only the most confident utterances are answered.",
        "Lines of the error rate over the share that is answered. " + _read_off(curves),
    )
    diagrams = [_diagram(system, number) for number, system in enumerate(drawn[:_DIAGRAMS])]
    table = Table(caption, header, rows, labels=2, best=best)
    return Section("Calibration", (table, *measured_coverage(systems), *diagrams, curve))


def measured_coverage(systems: Sequence[System]) -> list[Block]:
    """Return the measured coverage of the sets and intervals that lie beside the systems' tables."""
    rows = []
    for system in systems:
        path = sets_path(system.path)
        if not path.is_file():
            continue
        table = read_parquet(path, PredictionsError, "table of sets").to_pandas()
        made = table.set_index("utterance_id").reindex(system.predictions.frame["utterance_id"])
        nominal = (system.predictions.metadata.provenance.get("calibration") or {}).get("level")
        known, columns = system.evidence.with_category, [f"in_set_{name}" for name in system.scores.classes]
        if known.any() and set(columns) <= set(made.columns):
            inside = made[columns].to_numpy(bool)[known]
            measured = set_coverage(inside, system.evidence.categories[known])
            rows.append((system.name, "categories", number(nominal, 2), *(number(value) for value in measured)))
        for column, name in enumerate(ATTRIBUTES):
            known = system.evidence.with_attribute(name)
            if known.any() and f"{name}_low" in made.columns:
                low, high = (made[f"{name}_{end}"].to_numpy(np.float64)[known] for end in ("low", "high"))
                measured = interval_coverage(low, high, system.evidence.attributes[known, column])
                rows.append((system.name, name, number(nominal, 2), *(number(value) for value in measured)))
    if not rows:
        return []
    caption = (
        "Prediction sets and intervals: coverage of the true values, nominal and measured here, and how large they "
        "are: classes per set, width of an interval on the scale 1–7."
    )
    return [Table(caption, ("system", "of", "nominal", "measured", "mean size"), tuple(rows), labels=2)]


def _scores(system: System) -> tuple[float, float, float, float]:
    found = system.labelled_probabilities()
    risk = risk_coverage(*found)[1]
    return calibration_error(*found), brier_score(*found), negative_log_likelihood(*found), float(risk.mean())


def _diagram(system: System, place: int) -> Picture:
    bins = reliability_bins(*system.labelled_probabilities())
    figure = figures.reliability_diagram(
        bins.confidence, bins.accuracy, bins.count, title=system.name, few=LEAST_UTTERANCES
    )
    caption = f"Reliability of {system.name}: below the dashed line it is overconfident. Hollow: too few clips."
    filled = bins.count > 0
    pairs = zip(bins.confidence[filled], bins.accuracy[filled], bins.count[filled], strict=True)
    points = ", ".join(f"{sure:.2f}: {right:.2f} ({count:,})" for sure, right, count in pairs)
    alt = f"Accuracy at each mean confidence, with the number of clips. {points}."
    return Picture(f"reliability-{place}", figure, caption, alt)


def _read_off(curves: Mapping[str, Line]) -> str:
    """Say the error rates at half and at full coverage."""
    told = []
    for name, (coverage, risk) in curves.items():
        half, whole = np.interp([0.5, 1.0], np.asarray(coverage), np.asarray(risk))
        told.append(f"{name}: {whole:.2f} of all, {half:.2f} of the surer half")
    return "; ".join(told) + "."


def _curve(system: System) -> Line:
    coverage, risk = risk_coverage(*system.labelled_probabilities())
    step = max(1, len(risk) // _POINTS)  # a curve of 30,000 points is no better and a megabyte heavier
    return coverage[step - 1 :: step], risk[step - 1 :: step]


def _is_calibrated(system: System) -> bool:
    return "calibration" in system.predictions.metadata.provenance
