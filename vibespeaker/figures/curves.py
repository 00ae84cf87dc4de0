"""Figures of numbers along an axis: learning curves, scores with intervals, risk over coverage."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vibespeaker.figures.style import MUTED, SERIES, line_style, only_axes, point_style, ruled, styled

#: Points of one line: positions along the axis, values.
Line = tuple[npt.ArrayLike, npt.ArrayLike]
#: A line with what is around it: positions, means, lower and upper ends.
Band = tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]

#: Panels of a figure → panels in a row.
_FEW_PANELS, _FEW_COLUMNS, _COLUMNS = 4, 2, 3
_TICKS = 5


def line_panels(
    panels: Mapping[str, Mapping[str, Line | Band]],
    xlabel: str = "step",
    markers: bool = False,
    legend: bool = True,
    log_ticks: Sequence[float] = (),
) -> Figure:
    """Draw one panel per quantity with one line per series, e.g. learning curves of several runs; all share one axis.

    Args:
        panels: title → series name → (positions, values), or (positions, means, lower, upper ends) for a line in a
            band; a series keeps its colour and dashes in all panels.
        xlabel: label of the horizontal axes.
        markers: mark the points, for few of them.
        legend: name the series where there are several.
        log_ticks: positions to name on logarithmic horizontal axes; without any the axes are linear.
    """
    columns = min(max(len(panels), 1), _COLUMNS if len(panels) > _FEW_PANELS else _FEW_COLUMNS)
    rows = max(-(-len(panels) // columns), 1)
    numbers: dict[str, int] = {}
    with styled(3.3 * columns, 2.0 * rows + 0.5) as figure:
        first: Axes | None = None
        for place, (title, series) in enumerate(panels.items()):
            axes = figure.add_subplot(rows, columns, place + 1, sharex=first)
            first = first or axes
            axes.set_title(title)
            ruled(axes, "y")
            axes.locator_params(axis="y" if log_ticks else "both", nbins=_TICKS)
            if log_ticks:
                axes.set_xscale("log")
                axes.set_xticks(log_ticks, [f"{tick:g}" for tick in log_ticks])
                axes.minorticks_off()
            if place < len(panels) - columns:  # the lowest of each column alone carries what all share
                axes.tick_params(labelbottom=False)
            else:
                axes.set_xlabel(xlabel)
            for name, line in series.items():
                _draw(axes, line, numbers.setdefault(name, len(numbers)), markers)
        if legend and len(numbers) > 1:
            handles = [Line2D([], [], **line_style(number)) for number in numbers.values()]
            figure.legend(handles, list(numbers), loc="outside lower center", ncols=min(len(numbers), 3))
    return figure


def _draw(axes: Axes, line: Line | Band, number: int, markers: bool) -> None:
    positions, values, *ends = (np.asarray(points) for points in line)
    marker = point_style(number)["marker"] if markers or len(values) == 1 else None
    axes.plot(positions, values, **line_style(number), marker=marker, markersize=4)
    if ends:
        low, high = ends
        axes.fill_between(positions, low, high, color=line_style(number)["color"], alpha=0.2, linewidth=0)


def interval_figure(
    names: Sequence[str],
    values: npt.ArrayLike,
    lows: npt.ArrayLike,
    highs: npt.ArrayLike,
    xlabel: str,
    reference: float | None = None,
    title: str = "",
) -> Figure:
    """Draw one dot with its interval per row, first name on top.

    Args:
        names: systems or groups.
        values: `(rows,)` scores; NaN draws nothing.
        lows: `(rows,)` lower ends.
        highs: `(rows,)` upper ends.
        xlabel: the score's name.
        reference: a value marked by a dashed line, e.g. the score over all.
        title: shown above.
    """
    at = np.arange(len(names))[::-1]
    with styled(5.2, 0.9 + 0.27 * len(names)) as figure:
        axes = only_axes(figure, title)
        ruled(axes, "x")
        if reference is not None:
            axes.axvline(reference, color=MUTED, linewidth=1.0, linestyle="--")
        axes.hlines(at, lows, highs, color=SERIES[0], linewidth=1.6)
        axes.plot(np.asarray(values, dtype=np.float64), at, "o", color=SERIES[0], markersize=5)
        axes.set_yticks(at, names)
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.set_xlabel(xlabel)
        axes.locator_params(axis="x", nbins=_TICKS)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    return figure


def risk_coverage_figure(systems: Mapping[str, Line], title: str = "") -> Figure:
    """Draw the share of wrong answers among the most confident utterances over the share that is answered.

    Args:
        systems: name → (coverage 0–1 ascending, risk 0–1).
        title: shown above.
    """
    with styled(4.6, 2.8 + 0.09 * len(systems)) as figure:
        axes = only_axes(figure, title)
        ruled(axes, "both")
        for number, (name, (coverage, risk)) in enumerate(systems.items()):
            axes.plot(coverage, risk, **line_style(number), label=name)
        axes.set_xlim(0, 1)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("coverage (share of utterances answered)")
        axes.set_ylabel("error rate")
        if len(systems) > 1:
            figure.legend(loc="outside lower center", ncols=2 if len(systems) > 4 else 1)
    return figure
