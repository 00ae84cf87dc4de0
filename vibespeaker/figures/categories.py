"""Figures of categories: confusion matrices, scores per class, reliability diagrams."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from vibespeaker.figures.style import ACCENT, INK, MUTED, SERIES, SHARES, broken, only_axes, ruled, styled

Floats = npt.NDArray[np.float64]

_DARK_CELL, _Z = 0.66, 1.959964
_WIDEST = 12.0
#: Text of a cell, which the layout need not ask for its extent.
_IN_CELL: dict[str, Any] = {"ha": "center", "va": "center", "in_layout": False}


def confusion_figure(
    matrix: npt.ArrayLike, classes: Sequence[str], title: str = "", with_counts: bool = True
) -> Figure:
    """Draw a confusion matrix: shade and upper number are the share of the true class, the lower one is the count.

    Args:
        matrix: `(classes, classes)` counts, rows true, columns predicted, in the order of `classes`.
        classes: names.
        title: shown above.
        with_counts: write the counts, too: half of the letters, and of the time that drawing takes.

    A class without utterances has an empty row.
    """
    counts = np.asarray(matrix, dtype=np.float64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    side = 1.5 + 0.43 * len(classes)
    with styled(side + 0.3, side) as figure:
        axes = only_axes(figure, title)
        axes.imshow(shares, cmap=SHARES, vmin=0.0, vmax=1.0, aspect="equal")
        for (row, column), share in np.ndenumerate(shares):
            colour = "white" if share > _DARK_CELL else INK
            if counts[row, column]:
                up = 0.14 if with_counts else 0.0
                axes.text(column, row - up, f"{100 * share:.0f}%", color=colour, fontsize=8, **_IN_CELL)
                if with_counts:
                    count = f"{counts[row, column]:,.0f}"
                    axes.text(column, row + 0.25, count, color=colour, fontsize=6, **_IN_CELL)
        positions = range(len(classes))
        axes.set_xticks(positions, classes, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(positions, classes)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    return figure


def class_bars(
    systems: Mapping[str, npt.ArrayLike],
    classes: Sequence[str],
    metric: str = "F1",
    intervals: Mapping[str, npt.ArrayLike] | None = None,
    title: str = "",
    reference: float | None = None,
) -> Figure:
    """Draw one group of bars per class, one bar per system.

    Args:
        systems: name → `(classes,)` scores, 0–1; NaN draws no bar.
        classes: names.
        metric: label of the axis.
        intervals: name → `(classes, 2)` lower and upper ends, drawn as whiskers.
        title: shown above.
        reference: a score marked by a dashed line, e.g. that over all.
    """
    width = 0.8 / max(len(systems), 1)
    with styled(min(_WIDEST, 2.0 + len(classes) * (0.16 + 0.14 * len(systems))), 3.0) as figure:
        axes = only_axes(figure, title)
        ruled(axes, "y")
        for number, (name, values) in enumerate(systems.items()):
            scores = np.asarray(values, dtype=np.float64)
            at = np.arange(len(classes)) + (number - (len(systems) - 1) / 2) * width
            axes.bar(at, np.nan_to_num(scores), width * 0.92, color=SERIES[number % len(SERIES)], label=name)
            if intervals is not None and name in intervals:
                ends = np.asarray(intervals[name], dtype=np.float64)
                axes.vlines(at, ends[:, 0], ends[:, 1], color=INK, linewidth=1.0)
        if reference is not None:
            axes.axhline(reference, color=MUTED, linewidth=1.2, linestyle="--")
        axes.set_xticks(range(len(classes)), classes, rotation=30, ha="right", rotation_mode="anchor")
        axes.set_ylim(0.0, 1.0)
        axes.set_ylabel(metric)
        if len(systems) > 1:
            figure.legend(loc="outside lower center", ncols=2)
    return figure


def reliability_diagram(
    confidence: npt.ArrayLike,
    accuracy: npt.ArrayLike,
    count: npt.ArrayLike,
    before: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    title: str = "",
    few: int = 0,
) -> Figure:
    """Draw accuracy against confidence, with Wilson's 95 % interval of each, and the number of utterances below.

    Args:
        confidence: `(bins,)` mean probability of the predicted class, 0–1; bins without utterances are NaN.
        accuracy: `(bins,)` share of right answers, 0–1.
        count: `(bins,)` utterances.
        before: confidence and accuracy of the same system before calibration, drawn faintly.
        title: shown above.
        few: bins of fewer utterances are drawn hollow, and no line goes through them.
    """
    centres = np.asarray(confidence, dtype=np.float64)
    rights = np.asarray(accuracy, dtype=np.float64)
    counts = np.asarray(count, dtype=np.float64)
    kept, sure = counts > 0, counts >= max(few, 1)
    low, high = _wilson(rights[kept], counts[kept])
    with styled(3.9, 4.2) as figure:
        grid = figure.add_gridspec(2, 1, height_ratios=(4, 1))
        axes = figure.add_subplot(grid[0])
        axes.set_title(broken(title, figure))
        ruled(axes, "both")
        axes.plot((0, 1), (0, 1), color=MUTED, linewidth=1.0, linestyle="--", label="perfect calibration")
        if before is not None:
            old = [np.asarray(part, dtype=np.float64) for part in before]
            shown = ~np.isnan(old[0])
            axes.plot(old[0][shown], old[1][shown], "s--", color=ACCENT, alpha=0.6, markersize=3, label="before")
        axes.vlines(centres[kept], low, high, color=SERIES[0], linewidth=1.0, alpha=0.7)
        axes.plot(centres[sure], rights[sure], "o-", color=SERIES[0], markersize=4, label="measured")
        if (kept & ~sure).any():
            small: dict[str, Any] = {"markersize": 4, "markerfacecolor": "white", "label": f"fewer than {few} clips"}
            axes.plot(centres[kept & ~sure], rights[kept & ~sure], "o", color=SERIES[0], **small)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_ylabel("accuracy")
        axes.tick_params(labelbottom=False)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        below = figure.add_subplot(grid[1], sharex=axes)
        below.bar((np.arange(len(counts)) + 0.5) / len(counts), counts, 0.9 / len(counts), color=SERIES[0], alpha=0.6)
        below.set_xlabel("confidence")
        below.set_ylabel("clips")
    return figure


def _wilson(share: Floats, count: Floats) -> tuple[Floats, Floats]:
    """Return the ends of Wilson's interval (1927) of shares of `count` utterances at 95 %."""
    centre = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z / (1 + _Z**2 / count) * np.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    return centre - half, centre + half
