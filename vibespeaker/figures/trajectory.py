"""Emotion over the time of one recording: shares of the categories, attributes, and who speaks."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from vibespeaker.figures.style import INK, MUTED, SERIES, broken, line_style, ruled, styled

Floats = npt.NDArray[np.float64]

#: Stretches up to here have their category written above them.
_FEW = 24
_MINUTES_FROM = 180.0


def trajectory_figure(
    starts: npt.ArrayLike,
    ends: npt.ArrayLike,
    shares: Mapping[str, npt.ArrayLike],
    attributes: Mapping[str, npt.ArrayLike],
    seconds: float,
    title: str = "",
    speakers: Sequence[str | None] = (),
) -> Figure:
    """Draw what was said of the stretches of a recording, one after the other; pauses stay empty.

    Args:
        starts: `(stretches,)` seconds, ascending.
        ends: `(stretches,)` seconds; of stretches that overlap, each is drawn up to the middle of what they share.
        shares: class → `(stretches,)` probabilities.
        attributes: attribute → `(stretches,)` on 1–7.
        seconds: duration of the recording.
        title: shown above.
        speakers: of each stretch, null where unknown.
    """
    left, right = _apart(np.asarray(starts, np.float64), np.asarray(ends, np.float64))
    scale, unit = (60.0, "minutes") if seconds >= _MINUTES_FROM else (1.0, "seconds")
    named = [name for name in dict.fromkeys(speakers) if name is not None]
    wanted = ((shares, 3.0), (attributes, 1.8), (named, 0.3 + 0.22 * len(named)))
    heights = [height for values, height in wanted if values]
    with styled(8.2, 0.9 + sum(heights)) as figure:
        rows = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        panels: list[Axes] = list(rows)
        panels[0].set_title(broken(title, figure))
        panels[-1].set_xlabel(unit)
        panels[-1].set_xlim(0, seconds / scale)
        if shares:
            _draw_shares(panels.pop(0), figure, left / scale, right / scale, shares)
        if attributes:
            _draw_attributes(panels.pop(0), left / scale, right / scale, attributes)
        if named:
            _draw_speakers(panels.pop(0), left / scale, right / scale, speakers, named)
    return figure


def _draw_shares(axes: Axes, figure: Figure, left: Floats, right: Floats, shares: Mapping[str, npt.ArrayLike]) -> None:
    """Stack the probabilities of each stretch; its most probable class is written above where there is room."""
    table = np.array([np.asarray(values, np.float64) for values in shares.values()])  # (classes, stretches)
    edges, heights = _steps(left, right, table)
    floor = np.zeros(len(edges))
    for number, (name, values) in enumerate(zip(shares, heights, strict=True)):
        colour = SERIES[number % len(SERIES)]
        axes.fill_between(edges, floor, floor + values, color=colour, linewidth=0, label=name)
        floor = floor + values
    axes.set_ylim(0, 1)
    axes.set_ylabel("probability")
    handles = [Patch(color=SERIES[n % len(SERIES)], label=name) for n, name in enumerate(shares)]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 8))
    if len(left) <= _FEW:
        names = list(shares)
        for at, best in zip((left + right) / 2, table.argmax(axis=0), strict=True):
            axes.text(at, 1.02, names[best], ha="center", va="bottom", fontsize=7, color=INK, rotation=30)
        axes.set_title(axes.get_title(loc="left"), pad=30)


def _draw_attributes(axes: Axes, left: Floats, right: Floats, attributes: Mapping[str, npt.ArrayLike]) -> None:
    table = np.array([np.asarray(values, np.float64) for values in attributes.values()])
    edges, heights = _steps(left, right, table)
    ruled(axes, "y")
    for number, (name, values) in enumerate(zip(attributes, heights, strict=True)):
        axes.plot(edges, values, **line_style(number), label=name)
    axes.set_ylim(1, 7)
    axes.set_ylabel("1–7")
    axes.legend(loc="upper right", ncols=len(attributes))


def _draw_speakers(
    axes: Axes, left: Floats, right: Floats, speakers: Sequence[str | None], named: Sequence[str]
) -> None:
    for number, name in enumerate(named):
        own = [place for place, speaker in enumerate(speakers) if speaker == name]
        axes.broken_barh([(left[at], right[at] - left[at]) for at in own], (number - 0.35, 0.7), color=MUTED)
    axes.set_yticks(range(len(named)), list(named))
    axes.set_ylim(len(named) - 0.4, -0.6)


def _apart(starts: Floats, ends: Floats) -> tuple[Floats, Floats]:
    """Return bounds of stretches that no longer overlap: neighbours meet in the middle of what they share."""
    left, right = starts.copy(), ends.copy()
    overlap = np.maximum(ends[:-1] - starts[1:], 0.0)
    right[:-1] -= overlap / 2
    left[1:] += overlap / 2
    return left, np.maximum(left, right)


def _steps(left: Floats, right: Floats, table: Floats) -> tuple[Floats, Floats]:
    """Return edges and values of a stepped line that breaks where stretches do not meet.

    Returns:
        `(points,)` and `(rows, points)`: two points for each stretch, and one of NaN before each pause.
    """
    edges: list[float] = []
    columns: list[Floats] = []
    for place, (start, end) in enumerate(zip(left, right, strict=True)):
        if place and start > right[place - 1] + 1e-6:
            edges.append(float(right[place - 1]))
            columns.append(np.full(len(table), np.nan))
        edges += [float(start), float(end)]
        columns += [table[:, place], table[:, place]]
    return np.array(edges), np.array(columns).T if columns else np.zeros((len(table), 0))
