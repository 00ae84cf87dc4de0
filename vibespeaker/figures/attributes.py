"""Figures of attributes: true over predicted values with the calibration line; densities of what systems predict."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from vibespeaker.figures.style import ACCENT, MUTED, SERIES, SHARES, broken, line_style, ruled, styled
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN

_CELLS = 48
_FEW = 400


def attribute_scatter(true: npt.ArrayLike, predicted: npt.ArrayLike, name: str, title: str = "") -> Figure:
    """Draw true over predicted values of one attribute; see `attribute_panels`."""
    return attribute_panels({name: (true, predicted)}, title or name)


def attribute_panels(panels: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]], title: str = "") -> Figure:
    """Draw true over predicted values, a panel per attribute.

    Few utterances are drawn as points, many as a density. The calibration line is the least-squares line of the true
    on the predicted values: below a slope of 1 the predictions spread too far, above it they spread too little.

    Args:
        panels: attribute → `(N,)` true and `(N,)` predicted values 1–7; pairs with NaN are left out.
        title: shown above; of one panel it is the panel's own.
    """
    with styled(3.1 * len(panels) + 0.3, 3.5) as figure:
        if len(panels) > 1:
            figure.suptitle(broken(title, figure), x=0.01, ha="left", fontsize=10, fontweight="bold")
        for number, (name, (true, predicted)) in enumerate(panels.items(), start=1):
            axes = figure.add_subplot(1, len(panels), number)
            axes.set_title(name if len(panels) > 1 else broken(title, figure))
            _scatter(axes, np.asarray(true, dtype=np.float64), np.asarray(predicted, dtype=np.float64))
            axes.set_xlabel(f"predicted {name}")
            axes.set_ylabel(f"true {name}")
    return figure


def _line_of(true: npt.ArrayLike, predicted: npt.ArrayLike) -> tuple[float, float] | None:
    """Return slope and intercept of the least-squares line of true on predicted values; None where there is none."""
    x, y = np.asarray(predicted, dtype=np.float64), np.asarray(true, dtype=np.float64)
    if len(x) < 2 or np.ptp(x) == 0:
        return None
    slope, intercept = np.polyfit(x, y, 1)
    return float(slope), float(intercept)


def _scatter(axes: Axes, y: npt.NDArray[np.float64], x: npt.NDArray[np.float64]) -> None:
    known = ~(np.isnan(x) | np.isnan(y))
    x, y = x[known], y[known]
    limits = (ATTRIBUTE_MIN, ATTRIBUTE_MAX)
    ruled(axes, "both")
    if len(x) > _FEW:
        cells, edges, _ = np.histogram2d(x, y, bins=_CELLS, range=(limits, limits))
        shown = np.ma.masked_equal(cells.T, 0)
        axes.pcolormesh(edges, edges, shown, cmap=SHARES, norm=LogNorm(0.5, cells.max()), rasterized=True)
    else:
        axes.scatter(x, y, s=9, color=SERIES[0], alpha=0.5, linewidths=0)
    axes.plot(limits, limits, color=MUTED, linewidth=1.0, linestyle="--", label="equal")
    line = _line_of(y, x)
    if line is not None:
        ends = np.array([x.min(), x.max()])
        axes.plot(ends, line[1] + line[0] * ends, color=ACCENT, label=f"calibration, slope {line[0]:.2f}")
    axes.set_xlim(*limits)
    axes.set_ylim(*limits)
    axes.set_aspect("equal")
    axes.legend(loc="lower right", fontsize=7)


def density_panels(panels: Mapping[str, Mapping[str, npt.ArrayLike]]) -> Figure:
    """Draw how often each value is predicted, a panel per attribute, a line per system.

    Densities are shares of utterances in bins of a quarter of a point, divided by the bin's width.

    Args:
        panels: attribute → system → `(N,)` predicted values 1–7; NaN is left out.
    """
    edges = np.linspace(ATTRIBUTE_MIN, ATTRIBUTE_MAX, 25)
    with styled(3.4 * len(panels), 3.2) as figure:
        for number, (name, systems) in enumerate(panels.items(), start=1):
            axes = figure.add_subplot(1, len(panels), number)
            ruled(axes, "y")
            axes.set_title(name)
            for index, (system, values) in enumerate(systems.items()):
                known = np.asarray(values, dtype=np.float64)
                known = known[np.isfinite(known)]
                if len(known):
                    shares, _ = np.histogram(known, bins=edges, density=True)
                    axes.stairs(shares, edges, **line_style(index), label=system)
            axes.set_xlim(ATTRIBUTE_MIN, ATTRIBUTE_MAX)
            axes.set_xlabel(f"predicted {name}")
            if number == 1:
                axes.set_ylabel("density")
                figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=len(panels))
    return figure
