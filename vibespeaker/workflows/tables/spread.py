"""How far predicted attributes spread: does the Gaussian penalty widen the range, as its authors say?"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from vibespeaker.evaluation.folds import rows_of
from vibespeaker.evaluation.policies import scoring_policy
from vibespeaker.evaluation.targets import Truth
from vibespeaker.figures import density_panels, write_figure
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.predictions import Predictions


def spread_of(tables: Mapping[str, Path], manifest: Path, split: str) -> pd.DataFrame:
    """Return one row per run and attribute: minimum, maximum, deviation and calibration slope of what is predicted.

    The slope is that of the least-squares line of the true on the predicted values: below 1 the predictions spread too
    far, above 1 too little. The first rows are the truth's own, whose slope is 1.

    Args:
        tables: run → its prediction table.
        manifest: the truth.
        split: the split that is looked at.
    """
    read = {name: rows_of(Predictions.read(path), split, path) for name, path in tables.items()}
    policy = scoring_policy([(name, table.metadata) for name, table in read.items()])
    truth = Truth.read(manifest, policy=policy)
    rows = []
    for index, attribute in enumerate(ATTRIBUTES):
        for number, (name, table) in enumerate(read.items()):
            true = truth.targets(list(table.frame["utterance_id"]), name).attributes[:, index]
            predicted = table.attributes()[:, index]
            known = np.isfinite(true) & np.isfinite(predicted)
            if number == 0:
                rows.append((attribute, "truth", *_range(true[np.isfinite(true)]), 1.0))
            slope = np.nan
            if known.sum() > 1 and np.ptp(predicted[known]) > 0:
                slope = float(np.polyfit(predicted[known], true[known], 1)[0])
            rows.append((attribute, name, *_range(predicted[np.isfinite(predicted)]), slope))
    return pd.DataFrame(rows, columns=["attribute", "run", "minimum", "maximum", "deviation", "slope"])


def write_densities(tables: Mapping[str, Path], split: str, path: Path) -> None:
    """Draw the density of what each run predicts, a panel for each attribute; see `write_figure`."""
    read = {name: rows_of(Predictions.read(table), split, table).attributes() for name, table in tables.items()}
    panels = {
        attribute: {name: values[:, index] for name, values in read.items()}
        for index, attribute in enumerate(ATTRIBUTES)
    }
    write_figure(density_panels(panels), path)


def _range(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> tuple[float, float, float]:
    if not len(values):
        return (np.nan, np.nan, np.nan)
    return (float(values.min()), float(values.max()), float(values.std()))
