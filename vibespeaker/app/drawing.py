"""What panels are drawn with: HTML whose text stays text, so that phones, large print and screen readers can read it.

Colours are of middling lightness: each stands out by at least 3:1 (WCAG 2.2, 1.4.11) from light and dark pages alike.
Names stand beside them wherever they mean something.
"""

import html
from collections.abc import Mapping, Sequence

from vibespeaker.app.stylesheet import STYLE

ACCENT = "#d2551c"
#: Emotion → its colour.
COLOURS = {
    "anger": "#d1495b",
    "sadness": "#4a7fc1",
    "happiness": "#b07d00",
    "surprise": "#c4559b",
    "fear": "#8a63c9",
    "disgust": "#6f8f2a",
    "contempt": "#a8662f",
    "neutral": "#7d868f",
    "calm": "#23917f",
    "boredom": "#957759",
    "excitement": "#d9662c",
    "frustration": "#7d6b91",
}
#: Classes of a table's own take these in turn.
OTHERS = tuple(COLOURS.values())
#: Of ticks below a recording: seconds between two, the first of which there are few enough.
_STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800)
_MOST_TICKS = 7


def style() -> str:
    """Return the page's style sheet."""
    return f"<style>{STYLE}</style>"


def escaped(text: str) -> str:
    """Return text of others as HTML that shows exactly it."""
    return html.escape(text)


def colour_of(name: str, place: int = 0) -> str:
    """Return the colour of a class.

    Args:
        name: of the class.
        place: among the classes, for those that are no emotions.
    """
    return COLOURS.get(name, OTHERS[place % len(OTHERS)])


def bars(shares: Mapping[str, float], title: str, colour: str | None = None, is_sorted: bool = True) -> str:
    """Return a table of names, bars and numbers.

    Args:
        shares: name → 0 to 1.
        title: what a screen reader calls it.
        colour: of all bars; null for those of the classes.
        is_sorted: whether the greatest comes first; else they stay in their order.
    """
    rows = [_bar(name, share, colour or colour_of(name, place)) for place, (name, share) in enumerate(shares.items())]
    order = sorted(range(len(rows)), key=lambda place: -list(shares.values())[place]) if is_sorted else range(len(rows))
    body = "".join(rows[place] for place in order)
    return f'<table class="vs-bars" aria-label="{escaped(title)}"><tbody>{body}</tbody></table>'


def _bar(name: str, share: float, colour: str) -> str:
    return (
        f'<tr><th scope="row">{escaped(name)}</th><td aria-hidden="true"><div class="vs-track"><div class="vs-fill" '
        f'style="width:{100 * share:.1f}%;background:{colour}"></div></div></td>'
        f'<td class="vs-number">{share:.2f}</td></tr>'
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of text that scrolls sideways where it is too wide."""
    head = "".join(f'<th scope="col">{escaped(cell)}</th>' for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{escaped(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="vs-wide" tabindex="0"><table class="vs-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def remark(said: str) -> str:
    """Return a sentence about a panel, such as why it is empty."""
    return f'<p class="vs-remark">{escaped(said)}</p>'


def timed(seconds: float) -> str:
    """Return a time as people write it: `4.0 s`, `1:05`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def ticks(seconds: float) -> str:
    """Return the labels below what is drawn over time, from 0 to so many seconds."""
    step = next((step for step in _STEPS if seconds / step <= _MOST_TICKS), _STEPS[-1])
    places = [number * step for number in range(int(seconds / step) + 1)]
    # what would hang over the end is left out
    shown = [place for place in places if place <= 0.88 * seconds or place == 0]
    labels = "".join(f'<span style="left:{_share(place, seconds)}">{_tick(place, step)}</span>' for place in shown)
    return f'<div class="vs-ticks" aria-hidden="true">{labels}</div>'


def line(start: float, end: float, seconds: float, height: float, colour: str) -> str:
    """Return a level line over a stretch.

    Args:
        start: seconds from the beginning of what is drawn.
        end: seconds.
        seconds: of all that is drawn.
        height: 0 at the bottom to 1 at the top.
        colour: of the line.
    """
    place = f"{stretch(start, end, seconds)};bottom:{100 * height:.1f}%"
    return f'<i class="vs-line" style="{place};background:{colour}"></i>'


def stretch(start: float, end: float, seconds: float) -> str:
    """Return where a stretch lies, as CSS.

    Args:
        start: seconds from the beginning of what is drawn.
        end: seconds.
        seconds: of all that is drawn.
    """
    return f"left:{_share(start, seconds)};width:{_share(max(0.0, end - start), seconds)}"


def legend(colours: Mapping[str, str]) -> str:
    """Return names with their colours."""
    keys = "".join(
        f'<li><span style="background:{colour}"></span>{escaped(name)}</li>' for name, colour in colours.items()
    )
    return f'<ul class="vs-legend">{keys}</ul>'


def _share(part: float, whole: float) -> str:
    return f"{100 * min(1.0, max(0.0, part / whole)):.2f}%"


def _tick(seconds: float, step: float) -> str:
    if step < 1:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 60 else timed(seconds)
