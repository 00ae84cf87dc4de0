"""Figures of corpora: what is in them, cross-corpus scores, and a recording before and after cleaning."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from vibespeaker.figures.style import INK, SERIES, SHARES, broken, only_axes, ruled, styled

_DARK_CELL = 0.66
_WINDOW = 512
_SHOWN_DB = 70.0


def corpus_bars(
    counts: Mapping[str, npt.ArrayLike], corpora: Sequence[str], classes: Sequence[str], title: str = ""
) -> Figure:
    """Draw utterances by class, stacked by corpus, one panel per split.

    Args:
        counts: split → `(corpora, classes)` utterances.
        corpora: names of the layers, lowest first.
        classes: names.
        title: shown above.
    """
    with styled(max(3.2, 2.6 * len(counts)), 3.4) as figure:
        figure.suptitle(broken(title, figure), x=0.01, ha="left", fontsize=10, fontweight="bold")
        panels = figure.subplots(1, len(counts), squeeze=False)[0]
        for axes, (split, table) in zip(panels, counts.items(), strict=True):
            values = np.asarray(table, dtype=np.float64)
            below = np.zeros(len(classes))
            for row, corpus in enumerate(corpora):
                colour = SERIES[row % len(SERIES)]
                axes.bar(range(len(classes)), values[row], 0.75, bottom=below, color=colour, label=corpus)
                below += values[row]
            ruled(axes, "y")
            axes.set_title(f"{split}: {int(values.sum()):,}")
            axes.set_xticks(range(len(classes)), classes, rotation=40, ha="right", rotation_mode="anchor")
        panels[0].set_ylabel("utterances")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=min(5, len(corpora)))
    return figure


def score_matrix(
    scores: npt.ArrayLike, rows: Sequence[str], columns: Sequence[str], score: str, title: str = ""
) -> Figure:
    """Draw scores of systems (rows) on tests (columns) as a shaded table.

    Args:
        scores: `(rows, columns)`, 0–1; NaN leaves a cell empty.
        rows: what was trained on.
        columns: what was tested on.
        score: name of the score.
        title: shown above.
    """
    values = np.asarray(scores, dtype=np.float64)
    with styled(2.2 + 0.8 * len(columns), 1.6 + 0.45 * len(rows)) as figure:
        axes = only_axes(figure, title)
        image = axes.imshow(values, cmap=SHARES, vmin=0.0, vmax=1.0, aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            if not np.isnan(value):
                colour = "white" if value > _DARK_CELL else INK
                axes.text(column, row, f"{value:.3f}", ha="center", va="center", color=colour)
        axes.set_xticks(range(len(columns)), columns, rotation=30, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(rows)), rows)
        axes.set_xlabel("tested on")
        axes.set_ylabel("trained on")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        figure.colorbar(image, ax=axes, label=score)
    return figure


def before_and_after(before: npt.ArrayLike, after: npt.ArrayLike, rate: int, title: str = "") -> Figure:
    """Draw a recording's waveform and spectrogram before and after cleaning, on one time scale.

    Args:
        before: `(samples,)`, full scale ±1.
        after: `(samples,)`, of any length.
        rate: Hz of both.
        title: shown above.
    """
    pair = [np.asarray(samples, dtype=np.float64) for samples in (before, after)]
    levels = [_spectrogram(samples) for samples in pair]
    top = max(float(level.max()) for level in levels)
    longest = max(len(samples) for samples in pair) / rate
    with styled(7.0, 4.2) as figure:
        figure.suptitle(broken(title, figure), x=0.01, ha="left", fontsize=10, fontweight="bold")
        panels = figure.subplots(2, 2, sharex="all")
        for column, (name, samples, level) in enumerate(zip(("before", "after"), pair, levels, strict=True)):
            wave, spectrum = panels[0][column], panels[1][column]
            wave.plot(np.arange(len(samples)) / rate, samples, color=SERIES[0], linewidth=0.4)
            wave.set_title(f"{name}: {len(samples) / rate:.2f} s")
            wave.set_ylim(-1, 1)
            extent = (0, len(samples) / rate, 0, rate / 2)
            scale = {"vmin": top - _SHOWN_DB, "vmax": top}
            spectrum.imshow(level, aspect="auto", origin="lower", extent=extent, cmap=SHARES, **scale)
            spectrum.set_xlim(0, longest)
            spectrum.set_xlabel("seconds")
        panels[0][0].set_ylabel("amplitude")
        panels[1][0].set_ylabel("Hz")
    return figure


def _spectrogram(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return `(frequencies, frames)` levels in dB, digital silence at the floor."""
    padded = np.pad(samples, (0, max(0, _WINDOW - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[:: _WINDOW // 2]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW))) ** 2
    return 10 * np.log10(np.maximum(power.T, 1e-12))
