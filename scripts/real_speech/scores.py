"""Pooling the folds' tables, scoring them with the evaluation's own code, and showing what was found."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from vibespeaker.evaluation.scores import Comparison, Evaluation, SystemScores
from vibespeaker.evaluation.scoring import Options, evaluate_tables
from vibespeaker.evaluation.targets import Truth
from vibespeaker.figures import confusion_figure, png_bytes
from vibespeaker.files import atomic_path
from vibespeaker.manifest import Manifest
from vibespeaker.metrics import confusion_matrix, recalls
from vibespeaker.predictions import Predictions, PredictionsMetadata

SCORES = {"uar": "UAR", "accuracy": "WA", "macro_f1": "macro-F1"}


@dataclass(frozen=True)
class Outcome:
    """One system on one corpus.

    Args:
        system: its name.
        tables: pooled prediction tables, one per seed.
        wall: seconds of training, all folds of all seeds; NaN where not measured.
        epoch: median seconds of an epoch over the runs; NaN where there are none.
        folds: fold → its tables, one per seed.
    """

    system: str
    tables: tuple[Path, ...]
    wall: float = math.nan
    epoch: float = math.nan
    folds: Mapping[str, Sequence[Path]] = field(default_factory=dict)


def pool(paths: Sequence[Path], manifest: Path, out: Path) -> Path:
    """Join the folds' tables into one in manifest order."""
    tables = [Predictions.read(path) for path in paths]
    joined = pd.concat([table.frame for table in tables], ignore_index=True)
    order = {identifier: row for row, identifier in enumerate(Manifest.read(manifest).column("utterance_id"))}
    joined = joined.iloc[np.argsort([order[identifier] for identifier in joined["utterance_id"]], kind="stable")]
    first = tables[0]
    joined = joined.assign(split="test").reset_index(drop=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    told = first.metadata
    metadata = PredictionsMetadata(told.label_set, told.classes, told.system, heads=told.heads)
    Predictions(joined, metadata).write(out)
    return out


def score(table: Path, manifest: Path, draws: int = 0) -> SystemScores:
    """Score one pooled table as `vibespeaker evaluate` does."""
    found: Evaluation = evaluate_tables([table], Truth.read(manifest), Options(draws=draws, by=[]))
    return next(system for system in found.systems if not system.reference)


def fold_uar(table: Path, manifest: Path) -> float:
    """Return the mean recall of the classes that a fold has."""
    predictions, truth = Predictions.read(table), Manifest.read(manifest)
    category = dict(zip(truth.column("utterance_id"), truth.column("category"), strict=True))
    true = [predictions.labels.classes.index(category[name]) for name in predictions.frame["utterance_id"]]
    confusion = confusion_matrix(true, predictions.logits().argmax(axis=1), len(predictions.labels))
    return float(np.mean(recalls(confusion)[confusion.sum(axis=1) > 0]))


def cost_of(runs: Sequence[Path], epochs: int) -> tuple[float, float]:
    """Return seconds of training in all, and the median seconds of an epoch, from the run folders' `cost.json`."""
    costs = [json.loads((run / "cost.json").read_text(encoding="utf-8")) for run in runs]
    seconds = [float(cost["seconds"]) for cost in costs]
    return sum(seconds), float(np.median([float(cost["training_seconds"]) for cost in costs])) / epochs


def chance(confusion: Sequence[Sequence[int]]) -> tuple[float, float]:
    """Return the UAR of guessing, 1 / C, and its standard deviation on that many utterances per class.

    A guess hits with probability p = 1 / C; the mean of C recalls has variance Σ p·(1 − p) / n_c / C².
    """
    counts = np.asarray(confusion, dtype=np.float64).sum(axis=1)
    classes = len(counts)
    p = 1 / classes
    return p, math.sqrt(float(np.sum(p * (1 - p) / np.maximum(counts, 1)))) / classes


def compared(table: Path, other: Path, manifest: Path) -> Comparison:
    """Compare the UAR of two tables of the same utterances, paired by speaker; see `evaluation.comparison`."""
    found = evaluate_tables([table, other], Truth.read(manifest), Options(by=[]))
    return next(one for one in found.comparisons if one.score == "uar")


def show_against(corpus: str, outcomes: Sequence[Outcome], manifest: Path, out: Path, against: Path) -> list[object]:
    """Print how the outcomes' tables differ from those of an earlier run, table by table; return the numbers.

    Args:
        corpus: its name.
        outcomes: of this run.
        manifest: the true labels.
        out: folder of this run.
        against: folder of the earlier one.
    """
    title = f"{corpus}: UAR less that of {against}; p by swapping the answers speaker by speaker"
    shown = Table("system", "table", "difference", "95 % interval", "p", title=title)
    numbers: list[object] = []
    for outcome in outcomes:
        for table in outcome.tables:
            place = table.relative_to(out)
            if not (against / place).is_file():
                continue
            one = compared(table, against / place, manifest)
            apart = one.difference
            shown.add_row(
                *(outcome.system, str(place.parent), f"{apart.value:+.3f}", f"{apart.low:+.3f} to {apart.high:+.3f}"),
                f"{one.p_permutation:.3f}",
            )
            numbers.append({"system": outcome.system, "table": str(place), **vars(apart), "p": one.p_permutation})
    Console(width=120).print(shown)
    return numbers


def show(corpus: str, outcomes: Sequence[Outcome], manifest: Path, pictures: Path) -> dict[str, Mapping[str, object]]:
    """Print one row per system, draw one confusion matrix per system, and return the numbers."""
    table = Table("system", *SCORES.values(), "seeds", "training", "an epoch", title=corpus)
    numbers: dict[str, Mapping[str, object]] = {}
    for outcome in outcomes:
        scored = [score(path, manifest) for path in outcome.tables]
        values = {name: [one.scores[name].value for one in scored] for name in SCORES}
        confusion = np.sum([np.asarray(one.confusion) for one in scored], axis=0)
        guessing, deviation = chance(scored[0].confusion)
        cells = [spread(found) for found in values.values()]
        table.add_row(outcome.system, *cells, str(len(scored)), _seconds(outcome.wall), _seconds(outcome.epoch))
        numbers[outcome.system] = {
            **values,
            "utterances": scored[0].utterances,
            "folds": {fold: [fold_uar(path, manifest) for path in paths] for fold, paths in outcome.folds.items()},
            "chance": guessing,
            "deviation_of_chance": deviation,
            "training_seconds": outcome.wall,
            "epoch_seconds": outcome.epoch,
            "classes": list(scored[0].classes),
            "confusion": confusion.tolist(),
        }
        title = f"{corpus}: {outcome.system}"
        _save(
            confusion_figure(confusion, scored[0].classes, title),
            pictures / f"{corpus}-{outcome.system.replace(' ', '-')}.png",
        )
    table.caption = f"guessing gives a UAR of {guessing:.3f} ± {deviation:.3f}"
    Console(width=120).print(table)
    return numbers


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(png_bytes(figure))


def spread(values: Sequence[float]) -> str:
    """Return mean ± standard deviation, as tables show them; of one value that alone."""
    mean = f"{np.mean(values):.3f}"
    return mean if len(values) < 2 else f"{mean} ± {np.std(values, ddof=1):.3f}"


def _seconds(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.1f} s" if value < 100 else f"{value / 60:.1f} min"
