"""Sections about scores: the headline, categories, attributes."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.figure import Figure

from vibespeaker import figures
from vibespeaker.evaluation.scores import SYNTHETIC, Evaluation, SystemScores
from vibespeaker.evaluation.uncertainty import Interval
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.metrics import f1_scores
from vibespeaker.report.document import (
    Block,
    Paragraph,
    Picture,
    Section,
    Table,
    best_cells,
    listed,
    number,
    with_interval,
)
from vibespeaker.report.systems import System

#: Score → column title; those that no system has are left out.
HEADLINE = {
    "macro_f1": "macro-F1",
    "balanced_macro_f1": "balanced macro-F1",
    "uar": "UAR",
    "accuracy": "accuracy",
    "auc": "AUC",
    "map": "mAP",
    "ccc_arousal": "CCC arousal",
    "ccc_valence": "CCC valence",
    "ccc_dominance": "CCC dominance",
    "ccc_mean": "mean CCC",
}
_ATTRIBUTE_SCORES = {"ccc": "CCC", "pearson": "Pearson", "rmse": "RMSE", "bias": "bias", "slope": "slope"}
#: A score that there is none of.
UNKNOWN = Interval(math.nan)
_MOST_PICTURES = 4
_MOST_SCATTERS = 2


def score_table(
    caption: str, rows: Sequence[tuple[str, SystemScores]], titles: dict[str, str], intervals: bool = True
) -> Table | None:
    """Return a table of systems by scores with the best of each column set off; None when there is no score at all."""
    kept = [name for name in titles if any(score_value(scores, name) is not None for _, scores in rows)]
    if not kept:
        return None
    cells = tuple(
        (label, f"{scores.utterances:,}", *(score_cell(scores, name, intervals) for name in kept))
        for label, scores in rows
    )
    best = best_cells((column, [score_value(s, name) for _, s in rows]) for column, name in enumerate(kept, start=2))
    return Table(caption, ("system", "clips", *(titles[name] for name in kept)), cells, best=best)


def headline(evaluation: Evaluation, beside: Sequence[Block] = ()) -> Section:
    """Return all systems' main scores with pictures of their intervals, what stands `beside`, spreads over seeds."""
    settings = evaluation.settings
    split = "all predicted utterances" if settings.split is None else f"the {settings.split} split"
    caption = (
        f"Scores on {split}, label set {settings.label_set}, with {100 * settings.level:.0f} % intervals from "
        f"{settings.draws:,} bootstrap draws over speakers. Bold: best of its column."
    )
    rows = [(scores.system, scores) for scores in evaluation.systems]
    blocks: list[Block] = [table for table in [score_table(caption, rows, HEADLINE)] if table is not None]
    for score in ("macro_f1", "ccc_mean"):
        having = [(name, s.scores[score]) for name, s in rows if score_value(s, score) is not None]
        if len(having) > 1:
            names, values = zip(*having, strict=True)
            figure = intervals_figure(names, values, HEADLINE[score])
            alt = f"Dots with intervals, {HEADLINE[score]}: {listed(names, [one.value for one in values])}."
            blocks.append(
                Picture(f"headline-{score}", figure, f"{HEADLINE[score]} of all systems with intervals.", alt)
            )
    blocks += [*beside, *_seeds(evaluation)]
    notes = tuple(note for note in evaluation.notes if note != SYNTHETIC)  # the page's frame says it
    if notes:
        blocks.append(Paragraph("", notes))
    return Section("Scores", tuple(blocks))


def categories(systems: Sequence[System]) -> Section:
    """Return per-class bars, a per-class table and the confusion matrices."""
    having = [system for system in systems if system.scores.confusion]
    if not having:
        return Section("Categories", ())
    classes = having[0].scores.classes
    shown_systems = leading(having, "macro_f1")
    bars = {system.name: f1_scores(system.scores.confusion) for system in shown_systems}
    seen = "; ".join(f"{name}: {listed(classes, values.tolist(), len(classes))}" for name, values in bars.items())
    ends = {one.name: [_ends(one.scores, f"f1_{name}") for name in classes] for one in shown_systems}
    drawn = figures.class_bars(bars, classes, intervals=ends)
    blocks: list[Block] = [Picture("class-f1", drawn, "F1 of each class with its interval.", f"Bars, F1. {seen}.")]
    leader = shown_systems[0]
    blocks.append(_class_table(leader))
    for index, system in enumerate(shown_systems):
        figure = figures.confusion_figure(np.array(system.scores.confusion), classes, system.name)
        caption = f"Confusion of {system.name}: share of the true class above, utterances below."
        blocks.append(Picture(f"confusion-{index}", figure, caption, _confusion_seen(system)))
    if len(having) > len(shown_systems):
        blocks.append(Paragraph(f"Shown are the {len(shown_systems)} of {len(having)} systems with the best macro-F1."))
    return Section("Categories", tuple(blocks))


def attributes(systems: Sequence[System]) -> Section:
    """Return scores of every attribute and pictures of true over predicted values."""
    having = [system for system in systems if any(system.predictions.has(name) for name in ATTRIBUTES)]
    if not having:
        return Section("Attributes", ())
    rows, header = [], ("system", "attribute", *_ATTRIBUTE_SCORES.values())
    for system in having:
        for name in ATTRIBUTES:
            if system.predictions.has(name):
                cells = (
                    score_cell(system.scores, f"{score}_{name}", intervals=score == "ccc")
                    for score in _ATTRIBUTE_SCORES
                )
                rows.append((system.name, name, *cells))
    caption = (
        "Attributes on the scale 1–7. Bias is predicted − true. Slope is that of the true on the predicted values: "
        "above 1 the predictions are compressed towards the mean."
    )
    blocks: list[Block] = [Table(caption, header, tuple(rows), labels=2)]
    for index, system in enumerate(leading(having, "ccc_mean")[:_MOST_SCATTERS]):
        pairs = {name: system.evidence.pairs(name) for name in ATTRIBUTES}
        panels = {name: (true, predicted) for name, (predicted, true) in pairs.items() if len(true)}
        if panels:
            figure = figures.attribute_panels(panels, system.name)
            caption = f"True over predicted attributes of {system.name}; dashed: equal, red: the calibration line."
            told = "; ".join(
                f"{name}: CCC {score_cell(system.scores, f'ccc_{name}', False)}, slope "
                f"{score_cell(system.scores, f'slope_{name}', False)}, predictions from {predicted.min():.1f} to "
                f"{predicted.max():.1f}"
                for name, (_, predicted) in panels.items()
            )
            blocks.append(Picture(f"scatter-{index}", figure, caption, f"Points. {told}."))
    return Section("Attributes", tuple(blocks))


def best_system(evaluation: Evaluation, score: str) -> str | None:
    """Return the name of the system that is best by a score where higher is better; None where none has it."""
    values = {one.system: score_value(one, score) for one in evaluation.systems if not one.reference}
    known = {name: value for name, value in values.items() if value is not None}
    return max(known, key=lambda name: known[name]) if known else None


def _confusion_seen(system: System) -> str:
    """Say the diagonal of a confusion matrix and its greatest confusions."""
    counts = np.array(system.scores.confusion, dtype=np.float64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    names, known = system.scores.classes, counts.sum(axis=1) > 0
    right = ", ".join(f"{name} {shares[i, i]:.0%}" for i, name in enumerate(names) if known[i])
    off = shares - np.diag(np.diag(shares))
    worst = [divmod(int(place), len(names)) for place in off.ravel().argsort(kind="stable")[::-1][:3]]
    taken = ", ".join(f"{names[i]} for {names[j]} {off[i, j]:.0%}" for i, j in worst if off[i, j] > 0)
    return f"Shaded table. Recognised: {right}. Most often taken: {taken or 'nothing'}."


def _class_table(system: System) -> Table:
    scores, rows = system.scores.scores, []
    confusion = np.array(system.scores.confusion)
    for index, name in enumerate(system.scores.classes):
        values = (scores.get(f"{kind}_{name}", UNKNOWN) for kind in ("precision", "recall", "f1"))
        counts = (f"{confusion[index].sum():,}", f"{confusion[:, index].sum():,}")
        rows.append((name, *counts, *(shown_interval(value) for value in values)))
    header = ("class", "clips", "answered", "precision", "recall", "F1")
    return Table(f"Classes of {system.name}.", header, tuple(rows))


def _seeds(evaluation: Evaluation) -> Iterable[Block]:
    rows = []
    for family, spreads in evaluation.seeds.items():
        for score, spread in spreads.items():
            if score in HEADLINE:
                cells = (spread.mean, spread.deviation, spread.low, spread.high)
                rows.append((family, HEADLINE[score], str(spread.count), *(number(value) for value in cells)))
    if rows:
        header = ("system", "score", "seeds", "mean", "deviation", "least", "greatest")
        yield Table("Spread over seeds.", header, tuple(rows), labels=2)


def leading(systems: Sequence[System], score: str) -> list[System]:
    """Return the few systems that are best by a score, the best first; those without it come last."""

    def key(system: System) -> float:
        value = score_value(system.scores, score)
        return -math.inf if value is None else value

    return sorted(systems, key=key, reverse=True)[:_MOST_PICTURES]


def intervals_figure(
    names: Sequence[str], values: Sequence[Interval], title: str, whole: float | None = None
) -> Figure:
    """Draw scores with their intervals, and the score of the whole as a dashed line."""
    value, low, high = ([getattr(interval, end) for interval in values] for end in ("value", "low", "high"))
    return figures.interval_figure(names, value, low, high, xlabel=title, reference=whole)


def _ends(scores: SystemScores, name: str) -> tuple[float, float]:
    interval = scores.scores.get(name, UNKNOWN)
    return interval.low, interval.high


def score_value(scores: SystemScores, name: str) -> float | None:
    """Return a score, or None where it is undefined or absent."""
    value = scores.scores.get(name, UNKNOWN).value
    return None if math.isnan(value) else value


def score_cell(scores: SystemScores, name: str, intervals: bool = True) -> str:
    """Return a score as text, with its interval if wanted."""
    interval = scores.scores.get(name, UNKNOWN)
    return shown_interval(interval) if intervals else number(interval.value)


def shown_interval(interval: Interval) -> str:
    """Return a score with its interval as text; a dash where it is undefined."""
    return with_interval(interval.value, interval.low, interval.high)
