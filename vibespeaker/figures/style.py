"""The style of all figures, and their conversion to PNG and SVG."""

import io
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

INK = "#1f2933"
MUTED = "#7b8794"
GRID = "#e4e7eb"
ACCENT = "#c2410c"
#: Distinguishable by colour-blind readers and in grey print; repeated when there are more series.
SERIES = ("#1d5b8f", "#d97706", "#3f8f5f", "#a83271", "#6b6ecf", "#8c6d31", "#17a2a2", "#52606d")
#: White to deep blue, for counts and shares.
SHARES = LinearSegmentedColormap.from_list("shares", ["#ffffff", "#d5e5f2", "#8fbbdd", "#3f7fb5", "#123a63"])

_LETTERS_PER_INCH = 10
_RC = {
    "font.family": "DejaVu Sans",  # matplotlib carries it: the same bytes on every machine
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "figure.facecolor": "white",
    "svg.fonttype": "path",
    "text.parse_math": False,  # a name with dollar signs is no formula
    "svg.hashsalt": "vibespeaker",  # identifiers inside an SVG are random without it
}


@contextmanager
def styled(width: float, height: float) -> Iterator[Figure]:
    """Yield an empty figure of `width` × `height` inches; what is drawn on it in the body has the project's style."""
    with mpl.rc_context(_RC):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure


def only_axes(figure: Figure, title: str) -> Axes:
    """Add the one set of axes of a figure with one picture; a long title is broken."""
    axes = figure.add_subplot()
    axes.set_title(broken(title, figure))
    return axes


def broken(title: str, figure: Figure) -> str:
    """Return the title in lines that fit above the figure."""
    width = int(_LETTERS_PER_INCH * figure.get_size_inches()[0])
    return "\n".join(textwrap.fill(line, width) for line in title.splitlines())


def ruled(axes: Axes, axis: Literal["x", "y", "both"]) -> None:
    """Draw fine lines behind the data across `axis`."""
    axes.grid(visible=True, axis=axis, color=GRID, linewidth=0.8)


def png_bytes(figure: Figure, dots_per_inch: int = 150) -> bytes:
    """Return the figure as a PNG file."""
    return _saved(figure, format="png", dpi=dots_per_inch, metadata={"Software": None})


def svg_bytes(figure: Figure) -> bytes:
    """Return the figure as an SVG file; text is drawn as outlines, so that it looks alike everywhere."""
    return _saved(figure, format="svg", metadata={"Date": None, "Creator": None})


def _saved(figure: Figure, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with mpl.rc_context(_RC):
        figure.savefig(buffer, **options)
    return buffer.getvalue()
