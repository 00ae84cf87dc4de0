"""Maps of utterances: points in the plane, coloured by what they have in common."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vibespeaker.figures.style import MUTED, broken, point_style, styled
from vibespeaker.progress import middle_cut

#: Groups that a legend names; of more, the largest.
_NAMED = 24
_LEGEND_COLUMNS = {4: 2, 12: 3}
_WIDTH, _HEIGHT, _LINE = 3.5, 3.4, 0.19
#: Letters of a name, of a line below a panel, and what a marker takes.
_LETTERS, _LETTERS_A_LINE, _LETTERS_OF_MARK = 18, 50, 4


def map_figure(
    points: npt.ArrayLike,
    groupings: Mapping[str, Sequence[str | None]],
    axes: tuple[str, str] = ("", ""),
    notes: Mapping[str, str] | None = None,
    title: str = "",
    order: Mapping[str, Sequence[str]] | None = None,
) -> Figure:
    """Draw the same points once for each way to group them, such as emotion, speaker, corpus, or whether it was heard.

    Args:
        points: `(N, 2)`, as `projection.project` returns them, or of any other two values of an utterance.
        groupings: title of a panel → `(N,)` the group of each point, None where it is unknown.
        axes: what the two values are.
        notes: title of a panel → what stands below the title.
        title: shown above.
        order: title of a panel → its groups in the order of colours; others follow, the largest first.

    Of more than 24 groups the largest are named, and the others drawn in grey.
    """
    places = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    named = {name: _named(groups, (order or {}).get(name, ())) for name, groups in groupings.items()}
    lines = max((-(-(len(groups) + 1) // _columns(_short(groups))) for groups in named.values()), default=1)
    with styled(_WIDTH * max(len(named), 1), _HEIGHT + _LINE * lines) as figure:
        figure.suptitle(broken(title, figure), x=0.01, ha="left", fontsize=10, fontweight="bold")
        panels = figure.subplots(1, max(len(named), 1), squeeze=False, sharex=True, sharey=True)[0]
        for panel, (name, groups) in zip(panels, groupings.items(), strict=False):
            note = (notes or {}).get(name, "")
            panel.set_title(f"{name}: {len(set(groups) - {None}):,}", pad=18 if notes else 6)
            panel.text(0.0, 1.02, note, transform=panel.transAxes, fontsize=8, color=MUTED)
            _scatter(panel, places, groups, named[name])
            panel.set_xlabel(axes[0])
            panel.set_xticks([])
            panel.set_yticks([])
        panels[0].set_ylabel(axes[1])
    return figure


def _named(groups: Sequence[str | None], first: Sequence[str]) -> list[str]:
    """Return the groups that get a colour and a name: those in order, then the others by size, then by name."""
    counts = Counter(group for group in groups if group is not None)
    leading = [group for group in first if group in counts]
    return [*leading, *sorted(set(counts) - set(leading), key=lambda group: (-counts[group], group))][:_NAMED]


def _scatter(panel: Axes, points: npt.NDArray[np.float64], groups: Sequence[str | None], named: Sequence[str]) -> None:
    size = float(np.clip(3000 / max(len(points), 1), 3.0, 16.0))
    # thousands of outlines make a file that no browser likes to draw
    settings: dict[str, Any] = {"s": size, "linewidths": 0, "alpha": 0.75, "rasterized": len(points) > 1000}
    codes = {group: number for number, group in enumerate(named)}
    labels = _short(named)
    of_point = np.array([codes.get(group, -1) if group is not None else -2 for group in groups], dtype=np.int64)
    others = len({group for group in groups if group is not None} - set(named))
    for code, label in ((-2, "unknown"), (-1, f"{others:,} others")):
        if (of_point == code).any():
            panel.scatter(*points[of_point == code].T, color=MUTED, label=label, **settings)
    for code, label in enumerate(labels):
        across, up = points[of_point == code].T
        panel.scatter(across, up, label=label, **point_style(code), **settings)
    if named or len(points):
        panel.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.09),
            ncols=_columns(labels),
            handletextpad=0.1,
            columnspacing=0.8,
            fontsize=7,
            markerscale=(16 / size) ** 0.5,
        )


def _short(names: Sequence[str]) -> list[str]:
    """Return names that fit a legend: without the folder that all of them begin with, and cut in the middle."""
    folders = {name.rpartition("/")[0].partition("/")[0] for name in names}
    shared = f"{folders.pop()}/" if len(folders) == 1 else ""
    return [middle_cut(name.removeprefix(shared), _LETTERS) for name in names]


def _columns(labels: Sequence[str]) -> int:
    """Return how many columns a legend has: as many as are needed, and no more than fit below a panel."""
    wanted = next((columns for most, columns in _LEGEND_COLUMNS.items() if len(labels) <= most), 4)
    longest = max(map(len, labels), default=0)
    return max(1, min(wanted, _LETTERS_A_LINE // (longest + _LETTERS_OF_MARK)))
