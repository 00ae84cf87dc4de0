"""Scores by group: gender, speaker, corpus, language, duration, loudness, noise, intensity, and what a table adds.

Every group has a bootstrap interval (by speaker, or by utterance in a group of one speaker). Among the groups that are
large enough the worst is named for each score. UAR and CCC compare groups fairly when their classes differ: macro-F1
counts a class that a group lacks as 0.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from vibespeaker.corpora.tables import open_table
from vibespeaker.errors import CorpusError, PredictionsError
from vibespeaker.evaluation.bootstrap import bootstrap, clusters_of, intervals
from vibespeaker.evaluation.scores import LEAST_UTTERANCES, Slice
from vibespeaker.evaluation.statistics import System, layout_of, scores, sums
from vibespeaker.evaluation.targets import Targets
from vibespeaker.files.parquet import read_parquet

#: Groupings that a manifest knows.
GROUPINGS = ("gender", "corpus", "language", "duration", "level_db", "snr_db", "intensity", "speaker")
#: Those that are numbers: grouping → edges of its bins and their unit.
EDGES = {
    "duration": ((3.0, 5.0, 8.0), " s"),
    "level_db": ((-35.0, -25.0), " dB"),
    "snr_db": ((15.0, 25.0, 35.0), " dB"),
}
#: Scores by which the worst group is named; higher is better for each.
WORST_BY = ("accuracy", "uar", "macro_f1", "ccc_arousal", "ccc_valence", "ccc_dominance", "ccc_mean")
#: Draws for a group, at most; speakers are many.
DRAWS, SPEAKER_DRAWS = 1000, 200
_QUANTILES = (0.25, 0.5, 0.75)
#: What `_cut` names a bin.
_BIN = re.compile(r"(?P<under>under )?(?P<edge>-?\d+(\.\d+)?(e[+-]?\d+)?)( \w+)?( to .+| and more)?")


def groupings(
    targets: Targets, wanted: Sequence[str] | None, extra: pd.DataFrame | None = None
) -> dict[str, list[str | None]]:
    """Return grouping → group of each utterance, None where unknown; groupings with one group only are left out.

    Args:
        targets: the truth.
        wanted: names of groupings, all that are known by default.
        extra: further columns, indexed by utterance id; numbers are cut at their quartiles.

    Raises:
        PredictionsError: a wanted grouping is unknown.
    """
    frame = targets.frame
    columns: dict[str, pd.Series] = {name: frame[name] for name in GROUPINGS}
    columns.update((name, _cut(frame[name], edges, unit)) for name, (edges, unit) in EDGES.items())
    for name in [] if extra is None else extra.columns:
        column = extra[name].reindex(frame["utterance_id"]).reset_index(drop=True) if extra is not None else frame[name]
        columns[name] = _cut(column, _quartiles(column)) if pd.api.types.is_numeric_dtype(column) else column
    unknown = [name for name in wanted or () if name not in columns]
    if unknown:
        raise PredictionsError("unknown groupings", found=", ".join(unknown), allowed=columns)
    chosen = columns if wanted is None else wanted
    found = {name: [None if pd.isna(v) else str(v) for v in columns[name]] for name in chosen}
    return {name: groups for name, groups in found.items() if len({group for group in groups if group}) > 1}


def slices(
    systems: Sequence[System],
    targets: Targets,
    classes: Sequence[str],
    groups: Mapping[str, Sequence[str | None]],
    draws: int,
    level: float,
    seed: int,
) -> tuple[Slice, ...]:
    """Score every system on every group.

    Args:
        systems: the systems.
        targets: the truth.
        classes: scored classes.
        groups: see `groupings`.
        draws: bootstrap draws per group, at most `DRAWS`, for a speaker at most `SPEAKER_DRAWS`.
        level: coverage of the intervals.
        seed: of the draws.

    Returns:
        By system, then by grouping, then by group.
    """
    found: dict[tuple[str, str], list[Slice]] = {(s.name, by): [] for s in systems for by in groups}
    layouts = [replace(layout_of(system, classes), strata=0) for system in systems]
    for by, names in groups.items():
        codes = pd.Categorical(list(names), sorted({name for name in names if name}, key=_order))
        for code, group in enumerate(codes.categories):
            rows = np.flatnonzero(codes.codes == code)
            if by == "speaker" and len(rows) < LEAST_UTTERANCES:
                continue
            subset = targets.take(rows)
            clusters, count = clusters_of(subset)
            answered = [_rows(system, rows) for system in systems]
            tables = [sums(s, subset, la, clusters, count) for s, la in zip(answered, layouts, strict=True)]
            most = min(draws, SPEAKER_DRAWS if by == "speaker" else DRAWS)
            drawn = bootstrap(tables, layouts, most, seed, full=False)
            for system, table, layout, draw in zip(systems, tables, layouts, drawn, strict=True):
                values = scores(layout, table.sum(0), full=False)
                found[system.name, by].append(
                    Slice(
                        system.name,
                        by,
                        group,
                        len(rows),
                        len(np.unique(subset.speakers)),
                        intervals(values, draw, level),
                    )
                )
    return tuple(one for family in found.values() for one in _with_worst(family))


def read_extra(path: Path) -> pd.DataFrame:
    """Read further columns of utterances from a table of any make, e.g. signal-to-noise ratios.

    Raises:
        PredictionsError: the file cannot be read, or has no column `utterance_id` without repetitions.
    """
    if path.suffix.lower() != ".parquet":
        frame = _read_text_table(path)
    else:
        frame = read_parquet(path, PredictionsError, "table").to_pandas()
    if "utterance_id" not in frame or frame["utterance_id"].duplicated().any():
        raise PredictionsError(f"{path} needs a column utterance_id without repetitions", found=list(frame.columns))
    return frame.set_index("utterance_id")


def _read_text_table(path: Path) -> pd.DataFrame:
    """Read a table as `prepare` does; columns of numbers alone are numbers."""
    try:
        table = open_table(path, known=("utterance_id",))
        rows = [row for _, row in table.rows()]
    except CorpusError as error:
        raise PredictionsError(str(error)) from error
    if table.problems:
        raise PredictionsError(f"{path.parent / table.problems[0].item} cannot be read: {table.problems[0].reason}")
    frame = pd.DataFrame(rows, columns=table.columns).replace("", None)
    for name in frame.columns.drop("utterance_id", errors="ignore"):
        # one word among numbers makes words of all
        with suppress(ValueError):
            frame[name] = pd.Series([table.number(text) for text in frame[name]], dtype=float)
    return frame


def _rows(system: System, rows: npt.NDArray[np.int64]) -> System:
    predicted = None if system.predicted is None else system.predicted[rows]
    return System(system.name, predicted, system.attributes[rows])


def _with_worst(family: Sequence[Slice]) -> list[Slice]:
    """Name the worst of the groups that are large enough, where there are at least two."""
    large = [one for one in family if not one.is_small]
    worst: dict[str, list[str]] = {one.group: [] for one in family}
    for name in WORST_BY:
        defined = [one for one in large if name in one.scores and not np.isnan(one.scores[name].value)]
        if len(defined) > 1:
            worst[min(defined, key=lambda one: one.scores[name].value).group].append(name)
    return [replace(one, worst_by=tuple(worst[one.group])) for one in family]


def _quartiles(column: "pd.Series[float]") -> list[float]:
    known = column.dropna()
    return sorted({float(f"{value:.3g}") for value in known.quantile(list(_QUANTILES))}) if len(known) else []


def _cut(column: "pd.Series[float]", edges: Sequence[float], unit: str = "") -> "pd.Series[str]":
    """Name the bin of each number: below the first edge, between two, from the last on."""
    between = [f"{low:g} to {high:g}{unit}" for low, high in pairwise(edges)]
    labels = [f"under {edges[0]:g}{unit}", *between, f"{edges[-1]:g}{unit} and more"] if edges else ["all"]
    values = column.to_numpy(np.float64, na_value=np.nan)
    bins = np.searchsorted(np.array(edges), values, side="right")
    return pd.Series([None if np.isnan(v) else labels[b] for v, b in zip(values, bins, strict=True)], dtype=object)


def _order(group: str) -> tuple[float, bool, str]:
    """Return what sorts the groups of a grouping: bins, as `_cut` names them, by their edges, names as such."""
    found = _BIN.fullmatch(group)
    return (-np.inf, True, group) if found is None else (float(found["edge"]), found["under"] is None, group)
