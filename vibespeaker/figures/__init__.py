"""Figures of scores: arrays in, a matplotlib `Figure` out; no pyplot, no global state, the same input the same bytes.

Every function returns a figure that `figure_bytes` turns into a file's content; TensorBoard takes it as it
is. What is drawn is computed by `metrics`, `evaluation` and `calibration`: nothing is scored here.
`projection` makes points of a map out of vectors.
"""

from vibespeaker.figures.attributes import attribute_panels, attribute_scatter, density_panels
from vibespeaker.figures.categories import class_bars, confusion_figure, reliability_diagram
from vibespeaker.figures.corpora import before_and_after, corpus_bars, score_matrix
from vibespeaker.figures.curves import interval_figure, line_panels, risk_coverage_figure
from vibespeaker.figures.explanation import Explained, explanation_figure
from vibespeaker.figures.features import block_sheet, feature_boxes
from vibespeaker.figures.maps import map_figure
from vibespeaker.figures.spectrogram import spectrogram_png
from vibespeaker.figures.style import figure_bytes, kind_of, png_bytes, svg_bytes, write_figure
from vibespeaker.figures.trajectory import trajectory_figure

__all__ = [
    "Explained",
    "attribute_panels",
    "attribute_scatter",
    "before_and_after",
    "block_sheet",
    "class_bars",
    "confusion_figure",
    "corpus_bars",
    "density_panels",
    "explanation_figure",
    "feature_boxes",
    "figure_bytes",
    "interval_figure",
    "kind_of",
    "line_panels",
    "map_figure",
    "png_bytes",
    "reliability_diagram",
    "risk_coverage_figure",
    "score_matrix",
    "spectrogram_png",
    "svg_bytes",
    "trajectory_figure",
    "write_figure",
]
