import subprocess
import sys

import numpy as np
import pytest
from matplotlib import rcParams

from vibespeaker import figures

CLASSES = ("anger", "sadness", "neutral")


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_confusion_shows_the_share_of_the_true_class_and_the_count():
    figure = figures.confusion_figure([[3, 1, 0], [0, 5, 0], [0, 0, 0]], CLASSES, "System")
    assert texts(figure) == ["75%", "3", "25%", "1", "100%", "5"]
    axes = figure.axes[0]
    assert axes.get_title(loc="left") == "System"
    assert [label.get_text() for label in axes.get_yticklabels()] == list(CLASSES)
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.75, 0.25, 0], [0, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize("repeats", [1, 300])
def test_scatter_draws_the_least_squares_line_of_true_on_predicted(repeats):
    predicted = np.tile([2.0, 4.0, 6.0, np.nan, 3.0], repeats)
    true = np.tile([3.0, 4.0, 5.0, 1.0, np.nan], repeats)  # true = 2 + 0.5 · predicted where both are known
    axes = figures.attribute_scatter(true, predicted, "valence").axes[0]
    line = next(line for line in axes.lines if "slope" in line.get_label())
    assert line.get_label() == "calibration, slope 0.50"
    np.testing.assert_allclose(line.get_xdata(), [2, 6])
    np.testing.assert_allclose(line.get_ydata(), [3, 5])


@pytest.mark.parametrize(("true", "predicted"), [([], []), ([3.0], [4.0]), ([2.0, 5.0], [4.0, 4.0])])
def test_scatter_without_a_slope_has_no_calibration_line(true, predicted):
    figure = figures.attribute_scatter(true, predicted, "arousal")
    assert len(figure.axes[0].lines) == 1
    assert figures.png_bytes(figure).startswith(b"\x89PNG")


def test_a_series_keeps_its_colour_in_all_panels():
    figure = figures.line_panels({"loss": {"a": ([1, 2], [3, 2]), "b": ([1, 2], [4, 3])}, "F1": {"b": ([1], [0.5])}})
    loss, score = figure.axes
    assert loss.lines[1].get_color() == score.lines[0].get_color() != loss.lines[0].get_color()
    assert loss.lines[1].get_linestyle() == score.lines[0].get_linestyle() != loss.lines[0].get_linestyle()
    assert score.lines[0].get_marker() == "s"  # one point alone is no line
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_logarithmic_axes_name_the_positions_asked_for() -> None:
    panels = {name: {"a": ([5, 10, 80], [0.3, 0.4, 0.5])} for name in ("one", "two")}
    for axes in figures.line_panels(panels, log_ticks=[5, 10, 80]).axes:
        assert axes.get_xscale() == "log"
        assert list(axes.get_xticks()) == [5, 10, 80]
    assert figures.line_panels(panels).axes[0].get_xscale() == "linear"


def test_a_line_may_stand_in_a_band():
    axes = figures.line_panels({"F1": {"three seeds": ([1, 2], [0.4, 0.5], [0.3, 0.4], [0.5, 0.7])}}).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.4, 0.5])
    assert sorted({y for _, y in axes.collections[0].get_paths()[0].vertices.tolist()}) == [0.3, 0.4, 0.5, 0.7]


def test_class_bars_stand_side_by_side_with_whiskers():
    figure = figures.class_bars(
        {"x": [0.5, 0.25, np.nan], "y": [1, 0, 0.5]}, CLASSES, intervals={"x": [[0.4, 0.6]] * 3}
    )
    axes = figure.axes[0]
    assert [bar.get_height() for bar in axes.patches] == [0.5, 0.25, 0, 1, 0, 0.5]
    assert len(axes.collections) == 1
    assert len(axes.collections[0].get_segments()) == 3


def test_reliability_leaves_empty_bins_out():
    figure = figures.reliability_diagram([0.1, np.nan, 0.8], [0.2, np.nan, 0.7], [4, 0, 6])
    measured = next(line for line in figure.axes[0].lines if line.get_label() == "measured")
    np.testing.assert_allclose(measured.get_xydata(), [[0.1, 0.2], [0.8, 0.7]])
    assert [bar.get_height() for bar in figure.axes[1].patches] == [4, 0, 6]


def test_intervals_are_listed_from_the_top():
    axes = figures.interval_figure(["first", "second"], [0.3, 0.4], [0.2, 0.3], [0.4, 0.5], "UAR", reference=0.35).axes[
        0
    ]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first", "second"]
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [1, 0])


def all_figures():
    rng = np.random.default_rng(0)
    yield figures.confusion_figure(rng.integers(0, 90, (3, 3)), CLASSES)
    yield figures.attribute_scatter(rng.uniform(1, 7, 900), rng.uniform(1, 7, 900), "dominance")
    yield figures.line_panels({"loss": {"run": ([1, 2, 3], [3, 2, 1])}}, "epoch")
    yield figures.class_bars({"x": [0.1, 0.2, 0.3]}, CLASSES)
    yield figures.reliability_diagram([0.5], [0.5], [9], before=([0.7], [0.5]))
    yield figures.interval_figure(["a"], [0.3], [0.2], [0.4], "F1")
    yield figures.risk_coverage_figure({"a": ([0.5, 1], [0.1, 0.4]), "b": ([0.5, 1], [0.2, 0.4])})


def test_the_same_input_gives_the_same_bytes_and_global_settings_stay():
    before = dict(rcParams)
    first = [(figures.svg_bytes(figure), figures.png_bytes(figure, 60)) for figure in all_figures()]
    second = [(figures.svg_bytes(figure), figures.png_bytes(figure, 60)) for figure in all_figures()]
    assert first == second
    assert len(set(first)) == 7
    assert all(svg.startswith(b"<?xml") for svg, _ in first)
    assert dict(rcParams) == before


def test_neither_pyplot_nor_torch_is_imported():
    code = "import sys, vibespeaker.figures; sys.exit('matplotlib.pyplot' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
