"""Figures of numbers along an axis: learning curves, scores with intervals, risk over coverage."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vibespeaker.figures.style import MUTED, SERIES, only_axes, ruled, styled

#: Points of one line: positions along the axis, values.
Line = tuple[npt.ArrayLike, npt.ArrayLike]

_PANELS_A_ROW = 2


def line_panels(
    panels: Mapping[str, Mapping[str, Line]], xlabel: str = "step", markers: bool = False, legend: bool = True
) -> Figure:
    """Draw one panel per quantity with one line per series, e.g. learning curves of several runs.

    Args:
        panels: title → series name → (positions, values); a series keeps its colour in all panels.
        xlabel: label of the horizontal axes.
        markers: mark the points, for few of them.
        legend: name the series where there are several.
    """
    columns = min(len(panels), _PANELS_A_ROW)
    rows = -(-len(panels) // max(columns, 1))
    colours: dict[str, str] = {}
    with styled(3.6 * max(columns, 1), 2.5 * max(rows, 1) + 0.3) as figure:
        for number, (title, series) in enumerate(panels.items(), start=1):
            axes = figure.add_subplot(rows, columns, number)
            axes.set_title(title)
            axes.set_xlabel(xlabel)
            ruled(axes, "y")
            for name, (positions, values) in series.items():
                colour = colours.setdefault(name, SERIES[len(colours) % len(SERIES)])
                lonely = markers or len(np.asarray(values)) == 1
                axes.plot(positions, values, color=colour, marker="o" if lonely else None, markersize=4)
        if legend and len(colours) > 1:
            handles = [Line2D([], [], color=colour) for colour in colours.values()]
            figure.legend(handles, list(colours), loc="outside lower center", ncols=min(len(colours), 3))
    return figure


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
            axes.plot(coverage, risk, color=SERIES[number % len(SERIES)], label=name)
        axes.set_xlim(0, 1)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("coverage (share of utterances answered)")
        axes.set_ylabel("error rate")
        if len(systems) > 1:
            figure.legend(loc="outside lower center", ncols=2 if len(systems) > 4 else 1)
    return figure
