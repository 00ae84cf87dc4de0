"""An evaluation as tables for the terminal."""

import math
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from vibespeaker.evaluation.scores import FEW, Evaluation, SystemScores
from vibespeaker.evaluation.uncertainty import Interval
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.progress import middle_cut

CATEGORY_SCORES = {
    "macro_f1": "macro-F1",
    "uar": "UAR (UA)",
    "accuracy": "WA, micro-F1",
    "uar_plus_accuracy": "UA+WA",
    "balanced_macro_f1": "balanced macro-F1",
}
COMPARED_SCORES = {"macro_f1": "macro-F1", "uar": "UAR", "balanced_macro_f1": "balanced macro-F1"} | {
    f"ccc_{name}": f"CCC {name}" for name in (*ATTRIBUTES, "mean")
}
ATTRIBUTE_SCORES = {"ccc": "CCC", "pearson": "Pearson", "rmse": "RMSE", "bias": "bias", "slope": "slope"}
HEAD_SCORES = {"uar": "UAR", "accuracy": "accuracy", "macro_f1": "macro-F1", "ccc": "CCC", "rmse": "RMSE"}
_GROUPS_SHOWN = 12
#: Columns of a system's name.
_NAME = 28
#: Systems whose classes, attributes and slices are shown; files hold those of all.
_DETAILED = 3


def show(evaluation: Evaluation, console: Console) -> None:
    """Print all tables of an evaluation."""
    for table in tables(evaluation):
        console.print(table)
    for note in evaluation.notes:
        console.print(f"note: {note}", style="yellow", highlight=False)


def tables(evaluation: Evaluation) -> Iterator[Table]:
    """Yield the tables in reading order; those without content are left out."""
    having = [one for one in evaluation.systems if one.classes]
    if having:
        yield _systems(having, CATEGORY_SCORES, title("Categories", evaluation))
    with_attributes = [one for one in evaluation.systems if any(f"ccc_{name}" in one.scores for name in ATTRIBUTES)]
    if with_attributes:
        names = {f"ccc_{name}": f"CCC {name}" for name in ATTRIBUTES} | {"ccc_mean": "CCC mean"}
        names |= {"balanced_ccc_mean": "balanced CCC mean"}
        yield _systems(with_attributes, names, title("Attributes", evaluation))
    leading = _leading(evaluation)
    for one in leading:
        if one.classes:
            yield _classes(one)
        if one in with_attributes:
            yield _attributes(one)
    if any(one.heads for one in evaluation.systems):
        yield _heads(evaluation)
    if any(one.balanced_tests for one in evaluation.systems):
        yield _balanced(evaluation)
    if evaluation.seeds:
        yield _seeds(evaluation)
    if evaluation.comparisons:
        yield _comparisons(evaluation)
    yield from _slices(evaluation, [one.system for one in leading])


def title(name: str, evaluation: Evaluation) -> str:
    """Return what stands above a table of scores."""
    settings = evaluation.settings
    split = settings.split or "all predicted utterances"
    synthetic = " (synthetic speech)" if evaluation.synthetic else ""
    return f"{name}, {split}{synthetic}: score [{100 * settings.level:g} % interval over speakers]"


def _leading(evaluation: Evaluation) -> list[SystemScores]:
    """Return the best systems by macro-F1 and by mean CCC together, in the order given."""
    systems = [one for one in evaluation.systems if not one.reference]

    def merit(one: SystemScores) -> float:
        values = [one.scores[name].value for name in ("macro_f1", "ccc_mean") if name in one.scores]
        return sum(value for value in values if not math.isnan(value))

    best = sorted(systems, key=merit, reverse=True)[:_DETAILED]
    return [one for one in systems if one in best]


def _systems(systems: Sequence[SystemScores], names: dict[str, str], heading: str) -> Table:
    """One row per score and one column per system, so that long intervals fit a terminal."""
    table = Table(title=heading, title_justify="left")
    table.add_column("score")
    for one in systems:
        table.add_column(middle_cut(one.system, _NAME), justify="right", style="dim" if one.reference else None)
    for name, label in names.items():
        if any(name in one.scores for one in systems):
            table.add_row(label, *(cell(one.scores.get(name)) for one in systems))
    return table


def _classes(one: SystemScores) -> Table:
    table = Table(title=f"Classes of {one.system}", title_justify="left")
    for name in ("class", "utterances", "precision", "recall", "F1", "most confused with"):
        table.add_column(name, justify="left" if name in ("class", "most confused with") else "right")
    for position, emotion in enumerate(one.classes):
        row = one.confusion[position]
        wrong = [(count, other) for count, other in zip(row, one.classes, strict=True) if other != emotion and count]
        most = sorted(wrong, key=lambda pair: -pair[0])[:2]
        cells = [cell(one.scores[f"{name}_{emotion}"]) for name in ("precision", "recall", "f1")]
        table.add_row(emotion, str(sum(row)), *cells, ", ".join(f"{other} {count}" for count, other in most))
    return table


def _attributes(one: SystemScores) -> Table:
    table = Table(title=f"Attributes of {one.system}", title_justify="left")
    table.add_column("score")
    heads = [name for name in ATTRIBUTES if f"ccc_{name}" in one.scores]
    for name in heads:
        table.add_column(name, justify="right")
    for score, label in ATTRIBUTE_SCORES.items():
        table.add_row(label, *(cell(one.scores[f"{score}_{name}"]) for name in heads))
    return table


def _heads(evaluation: Evaluation) -> Table:
    """One row per further head of a system; a classification beside the clips of each class."""
    table = Table(title="Further heads", title_justify="left")
    for name in ("system", "head", "clips", *HEAD_SCORES.values(), "clips of each class"):
        table.add_column(name, justify="right" if name in ("clips", *HEAD_SCORES.values()) else "left")
    for one in evaluation.systems:
        for name, head in one.heads.items():
            cells = (cell(head.interval(key)) for key in HEAD_SCORES)
            counts = ", ".join(f"{emotion} {count}" for emotion, count in list(head.counts.items())[:_GROUPS_SHOWN])
            table.add_row(one.system, name, str(head.labelled), *cells, counts)
    return table


def _balanced(evaluation: Evaluation) -> Table:
    per_class = evaluation.settings.per_class
    table = Table(title=f"Simulated tests, {per_class} utterances per class: mean ± deviation", title_justify="left")
    table.add_column("system")
    wanted = {"macro_f1": "macro-F1", "ccc_mean": "CCC mean"} | {f"ccc_{name}": f"CCC {name}" for name in ATTRIBUTES}
    names = [name for name in wanted if any(name in one.balanced_tests for one in evaluation.systems)]
    for name in names:
        table.add_column(wanted[name], justify="right")
    for one in evaluation.systems:
        spreads = [one.balanced_tests.get(name) for name in names]
        table.add_row(one.system, *("" if s is None else f"{s.mean:.4f} ± {s.deviation:.4f}" for s in spreads))
    return table


def _seeds(evaluation: Evaluation) -> Table:
    table = Table(title="Seeds: mean ± deviation, least to greatest", title_justify="left")
    wanted = {"macro_f1": "macro-F1", "uar": "UAR", "ccc_mean": "CCC mean"}
    for name in ("system", "seeds", *wanted.values()):
        table.add_column(name, justify="left" if name == "system" else "right")
    for family, spreads in evaluation.seeds.items():
        cells = [
            f"{s.mean:.3f} ± {s.deviation:.3f}, {s.low:.3f} to {s.high:.3f}" if s is not None else ""
            for s in (spreads.get(name) for name in wanted)
        ]
        table.add_row(family, str(max(s.count for s in spreads.values())), *cells)
    return table


def _comparisons(evaluation: Evaluation) -> Table:
    table = Table(title="Paired comparisons; p after Holm's correction over the pairs of a score", title_justify="left")
    for name in ("score", "first", "second", "difference", "p bootstrap", "p permutation", "p Holm"):
        table.add_column(name, justify="left" if name in ("score", "first", "second") else "right")
    for one in evaluation.comparisons:
        p_values = (one.p_bootstrap, one.p_permutation, one.p_holm)
        cells = ("" if math.isnan(p) else f"{p:.4f}" for p in p_values)
        table.add_row(COMPARED_SCORES[one.score], one.first, one.second, str(one.difference), *cells)
    return table


def _slices(evaluation: Evaluation, systems: Sequence[str]) -> Iterator[Table]:
    for by in dict.fromkeys(one.by for one in evaluation.slices):
        slices = [one for one in evaluation.slices if one.by == by and one.system in systems]
        names = [name for name in ("uar", "ccc_mean") if any(name in one.scores for one in slices)]
        names = names or [name for name in slices[0].scores if name.startswith("ccc_")]
        groups = list(dict.fromkeys(one.group for one in slices))
        shown = [one for one in slices if len(groups) <= _GROUPS_SHOWN or one.worst_by]
        heading = f"By {by}" + (f": the worst of {len(groups)} groups" if len(groups) > _GROUPS_SHOWN else "")
        table = Table(title=heading, title_justify="left")
        for name in ("system", by, "clips", "speakers", *names, "worst by"):
            table.add_column(name, justify="left" if name in ("system", by, "worst by") else "right")
        for one in shown:
            worst = FEW if one.is_small else ", ".join(name for name in one.worst_by if name in names)
            counts = (str(one.utterances), str(one.speakers))
            cells = (cell(one.scores.get(name)) for name in names)
            table.add_row(
                one.system,
                one.group,
                *counts,
                *cells,
                worst,
                style="dim" if one.is_small else "bold" if worst else None,
            )
        yield table


def cell(score: Interval | None) -> str:
    """Return the score and, shorter so that tables fit a terminal, its interval."""
    if score is None or math.isnan(score.value):
        return ""
    if math.isnan(score.low):
        return f"{score.value:.3f}"
    low, high = (
        f"{end:.2f}".replace("0.", ".", 1) if abs(end) < 1 else f"{end:.2f}" for end in (score.low, score.high)
    )
    return f"{score.value:.3f} [{low}, {high}]"
