"""The section about calibration: whether probabilities can be believed, and what abstaining would bring."""

from collections.abc import Sequence

from vibespeaker import figures
from vibespeaker.calibration.reliability import (
    brier_score,
    negative_log_likelihood,
    reliability_bins,
    risk_coverage,
)
from vibespeaker.report.document import Block, Picture, Section, Table, best_cells, number
from vibespeaker.report.systems import System

_MOST_DIAGRAMS = 4
_POINTS = 200


def calibration(systems: Sequence[System]) -> Section:
    """Return calibration scores, reliability diagrams and risk over coverage of all systems with categories."""
    rows, values = [], []
    diagrams: list[Picture] = []
    curves = {}
    for index, system in enumerate(systems):
        probabilities, true = system.labelled_probabilities()
        if not len(true):
            continue
        bins = reliability_bins(probabilities, true)
        coverage, risk = risk_coverage(probabilities, true)
        found = (
            bins.error,
            brier_score(probabilities, true),
            negative_log_likelihood(probabilities, true),
            float(risk.mean()),
        )
        values.append(found)
        calibrated = "yes" if "calibration" in system.predictions.metadata.provenance else "no"
        rows.append((system.name, calibrated, *(number(value) for value in found)))
        step = max(1, len(risk) // _POINTS)  # a curve of 30,000 points is no better and a megabyte heavier
        curves[system.name] = (coverage[step - 1 :: step], risk[step - 1 :: step])
        if len(diagrams) < _MOST_DIAGRAMS:
            figure = figures.reliability_diagram(bins.confidence, bins.accuracy, bins.count, title=system.name)
            caption = f"Reliability of {system.name}: below the dashed line it is surer than right."
            diagrams.append(Picture(f"reliability-{index}", figure, caption))
    if not rows:
        return Section("Calibration", ())
    best = best_cells(((column, [row[column - 2] for row in values]) for column in range(2, 6)), lower=True)
    header = ("system", "calibrated", "ECE", "Brier", "NLL", "area under risk")
    caption = "How far probabilities can be believed; lower is better everywhere."
    curve = Picture(
        "risk-coverage",
        figures.risk_coverage_figure(curves),
        "Share of wrong answers when only the most confident utterances are answered.",
    )
    blocks: list[Block] = [Table(caption, header, tuple(rows), labels=2, best=best), *diagrams, curve]
    return Section("Calibration", tuple(blocks))
