"""Scores of every variant on every test: over the classes that both know, with intervals over speakers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from vibespeaker.evaluation.bootstrap import bootstrap, clusters_of, intervals
from vibespeaker.evaluation.scoring import leak_mark
from vibespeaker.evaluation.statistics import Layout, System, layout_of, scores, sums
from vibespeaker.evaluation.targets import Targets, Truth
from vibespeaker.evaluation.uncertainty import Interval
from vibespeaker.labels import label_set
from vibespeaker.manifest import Manifest
from vibespeaker.metrics import confusion_matrix
from vibespeaker.predictions import Predictions
from vibespeaker.workflows.ablation.plan import COLUMNS, ScoredSplit

#: Scores of a cell, in the order of tables; the last, where systems and truth have attributes.
SCORES = {"uar": "UAR", "macro_f1": "macro-F1", "accuracy": "WA", "ccc_mean": "CCC"}
_OPTIONAL = "ccc_mean"
Rows = npt.NDArray[np.bool_]
_LEVEL = 0.95
_SEED = 0


@dataclass(frozen=True)
class Cell:
    """One variant on one test.

    Args:
        variant: its name, with leaks that were allowed.
        test: its name.
        classes: classes that were learned, are scored, and occur in the test.
        utterances: scored ones.
        speakers: of the scored utterances.
        scores: name of `SCORES` → interval; empty where nothing could be scored.
    """

    variant: str
    test: str
    classes: tuple[str, ...]
    utterances: int
    speakers: int
    scores: Mapping[str, Interval]


def score_variant(
    name: str, table: Predictions, manifest: Path, tests: Sequence[ScoredSplit], draws: int = 2000
) -> list[Cell]:
    """Score one variant's predictions on every test.

    Args:
        name: of the variant.
        table: its predictions of the test split.
        manifest: the truth, with `COLUMNS`.
        tests: what to score.
        draws: bootstrap draws over speakers.
    """
    shown = name + leak_mark(table)
    known = _known(table, manifest)
    cells = []
    for test in tests:
        rows, classes, speakers = _tested(table, *known, test)
        found = _scores(table, rows, manifest, classes, draws) if rows.any() else {}
        cells.append(Cell(shown, test.title, classes, int(rows.sum()), speakers, found))
    return cells


def confusion(table: Predictions, manifest: Path, test: ScoredSplit) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Return `(classes, classes)` utterances of a test, rows true, columns predicted, and the classes."""
    rows, classes, _ = _tested(table, *_known(table, manifest), test)
    if not rows.any():
        return np.zeros((0, 0), np.int64), ()
    system, targets, _ = _system(table, rows, manifest, classes)
    assert system.predicted is not None
    return confusion_matrix(targets.categories, system.predicted, len(classes)), classes


def _known(table: Predictions, manifest: Path) -> tuple[pd.DataFrame, str]:
    """Return what the manifest knows of a table's utterances, in the table's order, and its label set."""
    truth = Manifest.read(manifest, ["utterance_id", *COLUMNS])
    return truth.frame().set_index("utterance_id").loc[table.frame["utterance_id"]], truth.metadata.label_set


def _tested(
    table: Predictions, frame: pd.DataFrame, labels: str, test: ScoredSplit
) -> tuple[Rows, tuple[str, ...], int]:
    """Return which rows of a table a test scores, over which classes, and of how many speakers they are."""
    wanted = label_set(test.labels or labels).classes
    chosen = test.select.mask(frame) & table.frame["split"].isin(test.splits).to_numpy()
    if not set(test.splits) <= set(table.frame["split"]):
        chosen[:] = False  # a part of a test is another test
    present = set(frame["category"][chosen])
    classes = tuple(emotion for emotion in wanted if emotion in table.labels.classes and emotion in present)
    rows = chosen & frame["category"].isin(classes).to_numpy()
    return rows, classes, int(frame["speaker"][rows].nunique())


def _system(table: Predictions, rows: Rows, path: Path, classes: tuple[str, ...]) -> tuple[System, Targets, Layout]:
    """Return the chosen rows of a table over the classes that are scored, and their truth."""
    selected = Predictions(table.frame[rows].reset_index(drop=True), table.metadata)
    truth = Truth.read(path, ",".join(classes) if len(classes) > 1 else None)
    if len(classes) == 1:
        truth = replace(truth, labels=replace(truth.labels, name=classes[0], classes=classes))
    targets = truth.targets(list(selected.frame["utterance_id"]), path)
    system = System.of("system", selected, truth.class_logits(selected, path))
    if np.isnan(targets.attributes).any(axis=1).all():  # nothing to compare attributes with
        system = replace(system, attributes=np.full_like(system.attributes, np.nan))
    return system, targets, layout_of(system, classes)


def _scores(table: Predictions, rows: Rows, path: Path, classes: tuple[str, ...], draws: int) -> dict[str, Interval]:
    system, targets, layout = _system(table, rows, path, classes)
    clusters, count = clusters_of(targets)
    statistics = sums(system, targets, layout, clusters, count)
    drawn = bootstrap([statistics], [layout], draws, _SEED, full=False)[0] if draws and count > 1 else {}
    values = scores(layout, statistics.sum(0))
    found = intervals(values, drawn, _LEVEL)
    return {name: found[name] for name in SCORES if name in found or name != _OPTIONAL}


def columns_of(cells: Sequence[Cell]) -> dict[str, str]:
    """Return the scores that a table of cells shows, name → heading."""
    measured = any(_OPTIONAL in cell.scores for cell in cells)
    return {name: heading for name, heading in SCORES.items() if measured or name != _OPTIONAL}


def as_frame(cells: Sequence[Cell]) -> pd.DataFrame:
    """Return one row per cell."""
    return pd.DataFrame(
        [
            {
                "trained": cell.variant,
                "tested": cell.test,
                "classes": len(cell.classes),
                "utterances": cell.utterances,
                "speakers": cell.speakers,
                **{
                    f"{name}{end}": round(getattr(cell.scores[name], field), 4) if name in cell.scores else None
                    for name in columns_of(cells)
                    for end, field in (("", "value"), ("_low", "low"), ("_high", "high"))
                },
                "names": " ".join(cell.classes),
            }
            for cell in cells
        ]
    )
