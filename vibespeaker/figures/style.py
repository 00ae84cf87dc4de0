"""The style of all figures, and their conversion to PNG, SVG and PDF."""

import io
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from vibespeaker.files import write_bytes
from vibespeaker.files.outputs import FORMATS, Format

INK = "#1f2933"
MUTED = "#7b8794"
GRID = "#e4e7eb"
ACCENT = "#c2410c"
#: Okabe and Ito's colours (Color Universal Design, 2008), their black as grey: any two differ to readers with any kind
#: of colour blindness. Repeated when there are more series.
SERIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#52606d", "#f0e442")
#: What tells lines and points apart without any colour.
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1.2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<")
#: White to deep blue, for counts and shares.
SHARES = LinearSegmentedColormap.from_list("shares", ["#ffffff", "#d5e5f2", "#8fbbdd", "#3f7fb5", "#123a63"])

_LETTERS_PER_INCH = 10
_PRINT = 300
_RC = {
    "font.family": "DejaVu Sans",  # matplotlib carries it: the same bytes on every machine
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # left to itself, a title asks for the extents of all ticks, three times a figure
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
    "legend.frameon": True,  # what lies below is not mistaken for a part of it
    "legend.facecolor": "white",
    "legend.edgecolor": "none",
    "legend.framealpha": 0.8,
    "legend.borderpad": 0.2,
    "lines.linewidth": 1.6,
    "figure.facecolor": "white",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,  # outlines that printers take
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


def line_style(number: int) -> dict[str, Any]:
    """Return colour and dashes of the series `number`, counted from 0."""
    return {"color": SERIES[number % len(SERIES)], "linestyle": DASHES[number % len(DASHES)]}


def point_style(number: int) -> dict[str, Any]:
    """Return colour and marker of the series `number`, counted from 0."""
    return {"color": SERIES[number % len(SERIES)], "marker": MARKERS[number % len(MARKERS)]}


def arrange(figure: Figure) -> None:
    """Lay a figure out, once and for all: left to `savefig`, it is drawn twice, the first time for its layout alone."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)


def figure_bytes(figure: Figure, kind: Format) -> bytes:
    """Return the figure as a file of a kind; a PNG in the resolution of print."""
    match kind:
        case "png":
            return png_bytes(figure, _PRINT)
        case "svg":
            return svg_bytes(figure)
        case "pdf":
            return _saved(figure, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})


def write_figure(figure: Figure, path: Path) -> None:
    """Write the figure, whole or not at all, as the kind of file that its name asks for."""
    write_bytes(path, figure_bytes(figure, kind_of(path)))


def kind_of(path: Path) -> Format:
    """Return the kind of figure that a file's name asks for, PNG where it ends in none of `FORMATS`."""
    suffix = path.suffix.lower().removeprefix(".")
    return next((kind for kind in FORMATS if kind == suffix), "png")


def png_bytes(figure: Figure, dots_per_inch: int = 150) -> bytes:
    """Return the figure as a PNG file."""
    return _saved(figure, format="png", dpi=dots_per_inch, metadata={"Software": None})


def svg_bytes(figure: Figure) -> bytes:
    """Return the figure as an SVG file; text is drawn as outlines, so that it looks alike everywhere."""
    return _saved(figure, format="svg", metadata={"Date": None, "Creator": None})


def _saved(figure: Figure, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with mpl.rc_context(_RC):
        arrange(figure)
        figure.savefig(buffer, **options)
    return buffer.getvalue()
