"""A prediction table as people read it: the chosen class and probabilities in place of logits."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from vibespeaker.files.csv_text import write_csv
from vibespeaker.labels import LabelSet

Numbers = npt.NDArray[np.float64]


def write_readable(
    path: Path, frame: pd.DataFrame, keys: tuple[str, ...], labels: LabelSet, probabilities: Numbers | None
) -> None:
    """Write predictions as CSV.

    Its columns are the keys; with a category head `category`, the most probable class, and `probability_<class>`; every
    further column of the table that is not empty. Numbers have six decimals; cells of what is missing are empty.

    Args:
        path: the file.
        frame: the table.
        keys: its columns that come first, as they are.
        labels: the label set of its logits.
        probabilities: `(N, C)`, rows summing to 1, or None without a category head.
    """
    columns: dict[str, list[object]] = {name: frame[name].tolist() for name in keys}
    if probabilities is not None:
        columns["category"] = [labels.classes[best] for best in probabilities.argmax(axis=1)]
        names = [f"probability_{name}" for name in labels.classes]
        columns |= {name: _rounded(shares) for name, shares in zip(names, probabilities.T, strict=True)}
    for name in frame.columns:
        values = frame[name]
        if name not in (*keys, *labels.logit_columns) and values.notna().any():
            is_number = pd.api.types.is_numeric_dtype(values)
            columns[name] = _rounded(values.to_numpy(np.float64, na_value=np.nan)) if is_number else values.tolist()
    write_csv(path, list(columns), zip(*columns.values(), strict=True))


def _rounded(values: Numbers) -> list[object]:
    return [None if np.isnan(value) else round(float(value), 6) for value in values]
