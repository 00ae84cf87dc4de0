"""One style for all figures: colours that all readers tell apart, and files without dates."""

import itertools

import numpy as np
import pytest

from vibespeaker import figures
from vibespeaker.figures.style import DASHES, MARKERS, SERIES, line_style, point_style

#: What of linear RGB is seen without cones of one kind (Machado, Oliveira, Fernandes 2009, severity 1).
SEEN = {
    "all cones": np.eye(3),
    "protanopia": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "deuteranopia": [[0.3673, 0.8606, -0.2279], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "tritanopia": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}


def lab(linear):
    """CIE L*a*b* under D65 of linear sRGB."""
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(np.clip(np.array(matrix) @ linear / [0.9505, 1.0, 1.089], 0.008856, None))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def linear(colour):
    values = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("kind", SEEN)
def test_any_two_colours_differ_to_readers_with_any_colour_blindness(kind):
    seen = [lab(np.clip(np.array(SEEN[kind]) @ linear(colour), 0, 1)) for colour in SERIES]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 15  # 2.3 can just be noticed


def test_series_differ_without_their_colours():
    assert len({str(line_style(number)["linestyle"]) for number in range(len(DASHES))}) == len(DASHES)
    assert len({point_style(number)["marker"] for number in range(len(MARKERS))}) == len(MARKERS) > len(SERIES)
    assert len({str(line_style(number)) for number in range(40)}) == 40  # the two cycles do not fall together


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_files_hold_no_date_and_are_alike(kind, start):
    first, second = (figures.figure_bytes(figures.class_bars({"x": [0.5]}, ("fear",)), kind) for _ in range(2))
    assert first == second
    assert first.startswith(start)
    assert not any(word in first for word in (b"CreationDate", b"dc:date", b"tIME"))


def test_a_figure_is_laid_out_once_for_all_its_files():
    figure = figures.confusion_figure([[3, 1], [0, 5]], ("anger", "fear"), "System")
    figures.figure_bytes(figure, "svg")
    assert figure.get_layout_engine() is None
    assert figures.figure_bytes(figure, "pdf") == figures.figure_bytes(figure, "pdf")
