"""Figures of what a classifier reads: values of a feature by class, and pictures of sound by class."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from vibespeaker.figures.style import ACCENT, INK, MUTED, SERIES, broken, ruled, styled

_PANELS_A_ROW = 2
#: Percentiles where whiskers end.
_WHISKERS = (5, 95)


def feature_boxes(
    features: Mapping[str, npt.ArrayLike],
    groups: Sequence[str],
    classes: Sequence[str],
    effects: Mapping[str, npt.ArrayLike] | None = None,
    notes: Mapping[str, str] | None = None,
    title: str = "",
) -> Figure:
    """Draw the values of each feature by class: median, quartiles, 5th and 95th percentile, and mean.

    Args:
        features: name → `(N,)` finite values, one panel each.
        groups: `(N,)` the class of each utterance.
        classes: those drawn, in order.
        effects: name → `(classes,)` effect sizes, shown above the boxes; NaN shows none.
        notes: name → what stands below the panel's title.
        title: shown above.
    """
    names = np.asarray(groups, dtype=object)
    columns = min(max(len(features), 1), _PANELS_A_ROW)
    rows = -(-max(len(features), 1) // columns)
    with styled((1.1 + 0.42 * len(classes)) * columns, 2.9 * rows + 0.3) as figure:
        figure.suptitle(broken(title, figure), x=0.01, ha="left", fontsize=10, fontweight="bold")
        for number, (feature, values) in enumerate(features.items(), start=1):
            axes = figure.add_subplot(rows, columns, number)
            column = np.asarray(values, dtype=np.float64)
            of_class = [column[names == one] for one in classes]
            axes.boxplot(
                of_class,
                whis=_WHISKERS,
                showfliers=False,
                showmeans=True,
                widths=0.62,
                patch_artist=True,
                boxprops={"facecolor": SERIES[0] + "33", "edgecolor": SERIES[0]},
                whiskerprops={"color": SERIES[0]},
                capprops={"color": SERIES[0]},
                medianprops={"color": INK},
                meanprops={"marker": "D", "markersize": 3, "markerfacecolor": ACCENT, "markeredgecolor": ACCENT},
            )
            note = (notes or {}).get(feature, "")
            axes.set_title(feature + (f"\n{note}" if note else ""), pad=16 if effects else 6)
            axes.set_xticks(range(1, len(classes) + 1), classes, rotation=40, ha="right", rotation_mode="anchor")
            ruled(axes, "y")
            for place, effect in enumerate(np.asarray((effects or {}).get(feature, ()), dtype=np.float64), start=1):
                if np.isfinite(effect):
                    text: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": 7, "color": MUTED}
                    axes.text(
                        place, 1.01, f"{round(effect, 1) + 0.0:+.1f}", transform=axes.get_xaxis_transform(), **text
                    )
    return figure


def block_sheet(rows: Mapping[str, Sequence[npt.ArrayLike]], seconds: float, hertz: float, title: str = "") -> Figure:
    """Draw a sheet of coloured spectrograms, one row of blocks per class.

    Args:
        rows: name → pictures `(3, frequencies, times)`, red, green and blue from 0 to 1, lowest frequency first.
        seconds: length of a block.
        hertz: highest frequency.
        title: shown above.
    """
    most = max((len(pictures) for pictures in rows.values()), default=1)
    with styled(0.9 + 1.35 * max(most, 1), 0.6 + 1.3 * max(len(rows), 1)) as figure:
        figure.suptitle(broken(title, figure), x=0.01, ha="left", fontsize=10, fontweight="bold")
        panels = figure.subplots(max(len(rows), 1), max(most, 1), squeeze=False, sharex=True, sharey=True)
        for line, (name, pictures) in zip(panels, rows.items(), strict=False):
            line[0].set_ylabel(f"{name}\nkHz")
            for axes, picture in zip(line, pictures, strict=False):
                values = np.clip(np.moveaxis(np.asarray(picture, dtype=np.float64), 0, -1), 0.0, 1.0)
                axes.imshow(values, origin="lower", aspect="auto", extent=(0.0, seconds, 0.0, hertz / 1000))
            for axes in line[len(pictures) :]:
                axes.set_visible(False)
        for axes in panels[-1]:
            axes.set_xticks([0.0, seconds / 2])  # a number at the end would push the columns apart
            axes.set_xlabel("seconds")
    return figure
