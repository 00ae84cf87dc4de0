"""What the rows of a prediction table must hold, checked when one is made, read and written."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype, is_numeric_dtype

from vibespeaker.errors import PredictionsError
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES

_SHOWN = 5
#: A mean of values at an end of the scale may lie beyond it by what a float32 cannot tell.
_ROUNDING = 1e-5


def check_frame(
    frame: pd.DataFrame, keys: Sequence[str], values: Sequence[str], heads: Sequence[Sequence[str]], source: str
) -> None:
    """Check columns, ids and values; a column of values is null throughout, or nowhere.

    Args:
        frame: the table.
        keys: the columns that name utterances; the first two are never null, the first does not repeat.
        values: the columns of numbers: finite, attributes within 1–7.
        heads: columns that are null together.
        source: what errors call the table, usually its path.

    Raises:
        PredictionsError: naming source, column and the first offending utterances.
    """
    if list(frame.columns) != [*keys, *values]:
        raise PredictionsError(
            f"predictions {source} have the wrong columns", found=list(frame.columns), allowed=[*keys, *values]
        )
    for name in keys:
        kind = infer_dtype(frame[name], skipna=True)
        if kind not in ("string", "empty") and not frame[name].isna().all():
            raise PredictionsError(f"predictions {source}: {name} has the wrong type", found=kind, allowed="text")
    for name in keys[:2]:
        missing = np.flatnonzero(frame[name].isna())
        if len(missing):
            raise PredictionsError(
                f"predictions {source}: {name} is missing", found=f"rows {missing[:_SHOWN].tolist()}"
            )
    repeated = frame[keys[0]][frame[keys[0]].duplicated()].unique()[:_SHOWN].tolist()
    if repeated:
        raise PredictionsError(f"predictions {source} repeat utterance ids", found=repeated)
    for name in values:
        _check_values(frame, name, frame[keys[0]], source)
    for head in heads:
        absent = [name for name in head if not frame[name].notna().any()]
        if 0 < len(absent) < len(head):
            raise PredictionsError(f"predictions {source}: some classes have no logits", found=absent)


def _check_values(frame: pd.DataFrame, name: str, identifiers: "pd.Series[str]", source: str) -> None:
    if frame[name].isna().all():
        return
    if not is_numeric_dtype(frame[name]):
        raise PredictionsError(
            f"predictions {source}: {name} has the wrong type", found=frame[name].dtype, allowed="numbers"
        )
    column = frame[name].to_numpy(np.float64, na_value=np.nan)
    bad = np.flatnonzero(~np.isfinite(column))
    if len(bad):
        shown = identifiers.iloc[bad[:_SHOWN]].tolist()
        raise PredictionsError(f"predictions {source}: {name} is not finite in {len(bad)} rows", found=shown)
    beyond = np.flatnonzero((column < ATTRIBUTE_MIN - _ROUNDING) | (column > ATTRIBUTE_MAX + _ROUNDING))
    if name in ATTRIBUTES and len(beyond):
        raise PredictionsError(
            f"predictions {source}: {name} is out of range in {len(beyond)} rows",
            found=", ".join(f"{column[row]:g} in {identifiers.iloc[row]}" for row in beyond[:_SHOWN]),
            allowed=f"{ATTRIBUTE_MIN:g}–{ATTRIBUTE_MAX:g}",
        )
