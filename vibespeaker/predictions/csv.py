"""Predictions of other programs: a CSV with class probabilities and attributes, by utterance or by file name."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from vibespeaker.errors import PredictionsError
from vibespeaker.labels import ATTRIBUTES, MSP_LETTERS, LabelSet, emotion_named, label_set_of

#: Spelling of a column, in lower case → ours.
_NAMES = {
    **dict.fromkeys(("utterance_id", "id"), "utterance_id"),
    **dict.fromkeys(("file_name", "filename", "file"), "file_name"),
    **{"split": "split", "emoact": "arousal", "emoval": "valence", "emodom": "dominance"},
    **{name: name for name in ATTRIBUTES},
}
_PREFIXES = ("probability_", "prob_", "p_")
#: How far from 1 the probabilities of a row may add up: rounding to two digits, over ten classes.
_TOLERANCE = 0.05
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class ForeignTable:
    """What a CSV says of N utterances.

    Args:
        ids: `(N,)` utterance ids; file names where it has no ids.
        file_names: `(N,)`.
        splits: `(N,)`, null where unknown.
        labels: label set of the class columns, null without any.
        probabilities: `(N, C)` in the order of `labels`, rows summing to 1; null without class columns.
        attributes: `(N, 3)` arousal, valence, dominance on 1–7; null without them.
        by_file: whether utterances are told by file name.
    """

    ids: list[str]
    file_names: list[str]
    splits: list[str | None]
    labels: LabelSet | None
    probabilities: npt.NDArray[np.float64] | None
    attributes: npt.NDArray[np.float64] | None
    by_file: bool


def read_foreign(path: Path) -> ForeignTable:
    """Read a CSV.

    Columns: `utterance_id` or `file_name` (also `FileName`), and any of: `split`; a probability per class, by the
    class's name, a common spelling of it, MSP-Podcast's letter, or any of these behind `probability_`; `arousal`,
    `valence` and `dominance` (also `EmoAct`, `EmoVal`, `EmoDom`) on 1–7. A column `category` is not read.

    Raises:
        PredictionsError: the file is missing or no such CSV, a value is no number, or a row's probabilities do not add
            up to 1; names column and rows.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
    except (OSError, ValueError, csv.Error) as error:
        raise PredictionsError(
            f"predictions {path} cannot be read as CSV", found=" ".join(str(error).split())
        ) from error
    columns = {str(name): _meaning(str(name)) for name in frame.columns}
    meant = [meaning for meaning in columns.values() if meaning is not None]
    twice = sorted({meaning for meaning in meant if meant.count(meaning) > 1})
    keys = [name for name in ("utterance_id", "file_name") if name in meant]
    if twice or not keys or frame.empty:
        raise PredictionsError(
            f"predictions {path} are no table of predictions",
            found=f"{', '.join(twice)} twice"
            if twice
            else f"{len(frame)} rows with {', '.join(map(str, frame.columns))}",
            allowed="utterance_id or file_name, a probability per class, arousal, valence, dominance",
        )
    named = frame.rename(columns={name: meaning for name, meaning in columns.items() if meaning is not None})
    ids = [str(value) for value in named[keys[0]]]
    classes = [meaning.removeprefix("class:") for meaning in meant if meaning.startswith("class:")]
    labels = label_set_of(classes) if classes else None
    has_attributes = all(name in meant for name in ATTRIBUTES)
    if labels is None and not has_attributes:
        raise PredictionsError(
            f"predictions {path} hold neither probabilities of classes nor all three attributes",
            found=", ".join(map(str, frame.columns)),
        )
    return ForeignTable(
        ids=ids,
        file_names=[str(value) for value in named["file_name"]] if "file_name" in meant else ids,
        splits=[value or None for value in named["split"]] if "split" in meant else [None] * len(ids),
        labels=labels,
        probabilities=None if labels is None else _probabilities(named, labels, ids, path),
        attributes=_numbers(named, list(ATTRIBUTES), ids, path) if has_attributes else None,
        by_file="utterance_id" not in meant,
    )


def _meaning(column: str) -> str | None:
    """Return what a column is, `class:<emotion>` for a probability; null for what is not read."""
    name = column.strip()
    if name.lower() in _NAMES:
        return _NAMES[name.lower()]
    for prefix in _PREFIXES:
        if name.lower().startswith(prefix):
            name = name[len(prefix) :]
    emotion = MSP_LETTERS.get(name) or emotion_named(name)
    return None if emotion is None else f"class:{emotion}"


def _probabilities(named: pd.DataFrame, labels: LabelSet, ids: list[str], path: Path) -> npt.NDArray[np.float64]:
    values = _numbers(named, [f"class:{emotion}" for emotion in labels.classes], ids, path)
    sums = values.sum(axis=1)
    bad = np.flatnonzero((np.abs(sums - 1) > _TOLERANCE) | (values < 0).any(axis=1))
    if len(bad):
        raise PredictionsError(
            f"predictions {path}: the probabilities of {len(bad)} rows do not add up to 1",
            found=", ".join(f"{ids[row]}: {sums[row]:.3f}" for row in bad[:_SHOWN]),
            allowed="probabilities of 0 or more; logits must pass a softmax first",
        )
    shares: npt.NDArray[np.float64] = values / sums[:, None]
    return shares


def _numbers(named: pd.DataFrame, columns: list[str], ids: list[str], path: Path) -> npt.NDArray[np.float64]:
    numbers = named[columns].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    bad = np.argwhere(~np.isfinite(numbers))
    if len(bad):
        row, column = bad[0]
        raise PredictionsError(
            f"predictions {path}: {columns[column].removeprefix('class:')} is no number in {len(bad)} cells",
            found=f"{ids[row]}: {named[columns[column]].iloc[row]!r}",
        )
    return numbers
