"""Figures of attributes: true over predicted values with the calibration line; densities of what systems predict."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from vibespeaker.figures.style import ACCENT, MUTED, SERIES, SHARES, line_style, only_axes, ruled, styled
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN

_CELLS = 48
_FEW = 400


def attribute_scatter(true: npt.ArrayLike, predicted: npt.ArrayLike, name: str, title: str = "") -> Figure:
    """Draw true over predicted values of one attribute.

    Few utterances are drawn as points, many as a density. The calibration line is the least-squares line of the true
    on the predicted values: below a slope of 1 the predictions spread too far, above it they spread too little.

    Args:
        true: `(N,)` values 1–7; pairs with NaN are left out.
        predicted: `(N,)` values 1–7.
        name: the attribute.
        title: shown above; the attribute's name when empty.
    """
    x, y = np.asarray(predicted, dtype=np.float64), np.asarray(true, dtype=np.float64)
    known = ~(np.isnan(x) | np.isnan(y))
    x, y = x[known], y[known]
    limits = (ATTRIBUTE_MIN, ATTRIBUTE_MAX)
    with styled(3.4, 3.5) as figure:
        axes = only_axes(figure, title or name)
        ruled(axes, "both")
        if len(x) > _FEW:
            cells, edges, _ = np.histogram2d(x, y, bins=_CELLS, range=(limits, limits))
            axes.pcolormesh(
                edges,
                edges,
                np.ma.masked_equal(cells.T, 0),
                cmap=SHARES,
                norm=LogNorm(0.5, cells.max()),
                rasterized=True,
            )
        else:
            axes.scatter(x, y, s=9, color=SERIES[0], alpha=0.5, linewidths=0)
        axes.plot(limits, limits, color=MUTED, linewidth=1.0, linestyle="--", label="equal")
        if len(x) > 1 and np.ptp(x) > 0:
            slope, intercept = np.polyfit(x, y, 1)
            ends = np.array([x.min(), x.max()])
            axes.plot(ends, intercept + slope * ends, color=ACCENT, label=f"calibration, slope {slope:.2f}")
        axes.set_xlim(*limits)
        axes.set_ylim(*limits)
        axes.set_aspect("equal")
        axes.set_xlabel(f"predicted {name}")
        axes.set_ylabel(f"true {name}")
        axes.legend(loc="upper left")
    return figure


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
                axes.legend(loc="upper left", fontsize=6)
    return figure
