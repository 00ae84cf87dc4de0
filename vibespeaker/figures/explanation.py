"""One recording and its answer in one picture: the sound, the words, what each member says, and what comes out."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vibespeaker.figures.spectrogram import draw_spectrogram
from vibespeaker.figures.style import ACCENT, INK, MUTED, SERIES, broken, ruled, styled

#: Columns that a waveform is drawn in, and letters and lines of its words.
_COLUMNS, _LETTERS, _LINES = 1600, 100, 3
_WIDTH = 9.0
#: Of members: those that nobody takes for the accent of what comes out.
_COLOURS = tuple(colour for colour in SERIES if colour not in ("#e69f00", "#d55e00", "#f0e442"))


@dataclass(frozen=True)
class Explained:
    """What is said of a recording.

    Args:
        title: of the picture, such as the recording's name.
        fused: class → probability, what comes out; empty without categories.
        members: member → class → probability, in classes of `fused`; empty of a system of one.
        shares: member → what it counts for, 0 to 1.
        words: the transcript; null where nobody knows it.
        emoji: of the category, a letter of DejaVu Sans; empty where there is none.
        category: what is said; null where nothing is.
        attributes: attribute → value on 1–7; empty without.
    """

    title: str
    fused: Mapping[str, float]
    members: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    words: str | None = None
    emoji: str = ""
    category: str | None = None
    attributes: Mapping[str, float] = field(default_factory=dict)

    @property
    def headline(self) -> str:
        """What comes out, in words: the category with its probability, and the attributes."""
        said = (
            [] if not self.fused else [f"{self.category or 'no category'}, probability {max(self.fused.values()):.2f}"]
        )
        return "   ".join([*said, *(f"{name} {value:.1f}" for name, value in self.attributes.items())])


def explanation_figure(samples: npt.NDArray[np.float32], rate: int, said: Explained) -> Figure:
    """Draw waveform, spectrogram, words, and the distributions of the members and of all together.

    Args:
        samples: `(samples,)` within full scale ±1, at least one.
        rate: Hz.
        said: the answer.
    """
    heights = [0.62, 1.1, 1.8, 0.55, *([2.6] if said.fused else [])]
    with styled(_WIDTH, 0.5 + sum(heights)) as figure:
        panels = list(figure.subplots(len(heights), 1, height_ratios=heights))
        _draw_headline(panels[0], figure, said)
        _draw_waveform(panels[1], samples, rate)
        panels[1].sharex(panels[2])
        draw_spectrogram(panels[2], samples, rate)
        _draw_words(panels[3], said.words)
        if said.fused:
            _draw_distributions(panels[4], said)
    return figure


def _draw_headline(axes: Axes, figure: Figure, said: Explained) -> None:
    axes.axis("off")
    place = 0.0
    if said.emoji:
        axes.text(0.0, 0.35, said.emoji, fontsize=34, va="center", color=ACCENT, transform=axes.transAxes)
        place = 0.07
    axes.text(place, 0.55, said.headline, fontsize=14, fontweight="bold", va="center", transform=axes.transAxes)
    axes.text(place, 0.05, broken(said.title, figure), fontsize=9, color=MUTED, va="center", transform=axes.transAxes)


def _draw_waveform(axes: Axes, samples: npt.NDArray[np.float32], rate: int) -> None:
    """Draw the least and the greatest sample of each column, so that hours take no more than seconds."""
    edges = np.linspace(0, len(samples), min(_COLUMNS, len(samples)) + 1).astype(np.int64)
    low, high = np.minimum.reduceat(samples, edges[:-1]), np.maximum.reduceat(samples, edges[:-1])
    axes.fill_between(edges[:-1] / rate, low, high, color=SERIES[0], linewidth=0.3, edgecolor=SERIES[0])
    loudest = float(np.abs(samples).max()) or 1.0
    axes.set_ylim(-1.05 * loudest, 1.05 * loudest)
    axes.set_ylabel("amplitude")
    axes.tick_params(labelbottom=False)


def _draw_words(axes: Axes, words: str | None) -> None:
    axes.axis("off")
    if words is None:
        shown, style = "no transcript", "italic"
    else:
        lines = textwrap.wrap(words, _LETTERS)
        cut = [*lines[: _LINES - 1], lines[_LINES - 1] + " …"] if len(lines) > _LINES else lines
        shown, style = "“" + "\n".join(cut) + "”" if cut else "no words", "normal" if cut else "italic"
    axes.text(0.0, 0.5, shown, fontsize=10, va="center", style=style, color=INK, transform=axes.transAxes)


def _draw_distributions(axes: Axes, said: Explained) -> None:
    classes = list(said.fused)
    drawn = {**said.members, ("all together" if said.members else "answer"): said.fused}
    width = 0.8 / len(drawn)
    for number, (name, shares) in enumerate(drawn.items()):
        is_last = number == len(drawn) - 1
        places = np.arange(len(classes)) + (number - (len(drawn) - 1) / 2) * width
        share = said.shares.get(name)
        label = name if share is None or is_last else f"{name} (counts {share:.0%})"
        values = [shares.get(one, 0.0) for one in classes]
        axes.bar(
            places, values, width * 0.92, color=ACCENT if is_last else _COLOURS[number % len(_COLOURS)], label=label
        )
        if is_last:
            for place, value in zip(places, values, strict=True):
                axes.text(place, value + 0.01, f"{value:.2f}", ha="center", va="bottom", fontsize=7, color=INK)
    axes.set_xticks(range(len(classes)), classes)
    axes.set_ylim(0, min(1.08, 1.15 * max(max(shares.values(), default=0.0) for shares in drawn.values()) + 0.02))
    axes.set_ylabel("probability")
    ruled(axes, "y")
    axes.legend(loc="best")
