"""What panels are drawn with: names of others stay text, colours stand out on light and dark pages."""

import pytest

from vibespeaker.app.drawing import ACCENT, COLOURS, bars, stretch, table, ticks, timed
from vibespeaker.labels import EMOTIONS, NO_AGREEMENT, OTHER


def luminance(colour):
    """Return the relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("page", ["#ffffff", "#0e1117", "#1a1a1a"])
def test_colours_stand_out_of_light_and_dark_pages(page):
    assert set(COLOURS) == {*EMOTIONS} - {OTHER, NO_AGREEMENT}
    for colour in (*COLOURS.values(), ACCENT):
        light, dark = sorted((luminance(colour), luminance(page)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3.0, colour


def test_names_of_others_are_text():
    mean = "<img src=x onerror=alert(1)>"
    for drawn in (bars({mean: 0.5}, mean), table([mean], [[mean]])):
        assert "<img" not in drawn
        assert "&lt;img" in drawn


def test_bars_are_sorted_unless_their_order_is_given():
    shares = {"anger": 0.2, "fear": 0.7, "neutral": 0.1}
    assert [bars(shares, "").index(name) for name in ("fear", "anger", "neutral")] == sorted(
        bars(shares, "").index(name) for name in shares
    )
    kept = bars(shares, "", is_sorted=False)
    assert kept.index("anger") < kept.index("fear") < kept.index("neutral")
    assert "width:70.0%" in kept


@pytest.mark.parametrize(
    ("seconds", "first", "last"), [(2.2, "0.0 s", "1.5 s"), (65.0, "0 s", "50 s"), (600.0, "0 s", "8:00")]
)
def test_ticks_end_before_the_edge(seconds, first, last):
    labels = [part.split("<")[0] for part in ticks(seconds).split('">')[2:]]
    assert (labels[0], labels[-1]) == (first, last)
    assert len(labels) <= 8


def test_times_and_places_are_those_of_the_recording():
    assert (timed(3.04), timed(65.2), timed(600)) == ("3.0 s", "1:05", "10:00")
    assert stretch(1.0, 2.0, 4.0) == "left:25.00%;width:25.00%"
    assert stretch(3.0, 9.0, 4.0) == "left:75.00%;width:100.00%"
