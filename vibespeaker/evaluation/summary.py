"""An evaluation at a glance: one table, a row per system, and what decides between the best and the others."""

import math

from rich.console import Console
from rich.table import Table

from vibespeaker.evaluation.scores import Comparison, Evaluation
from vibespeaker.evaluation.terminal import COMPARED_SCORES, cell, title
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.progress import middle_cut

_CATEGORIES = {"macro_f1": "macro-F1", "uar": "UAR", "accuracy": "WA"}
_ATTRIBUTES = {f"ccc_{name}": f"CCC {name}" for name in ATTRIBUTES}
_BOTH = {"macro_f1": "macro-F1", "uar": "UAR", "ccc_mean": "CCC mean"}
#: Columns of a score with its interval and its frame, and of a system's name.
_SCORE, _LEAST_NAME = 19, 16
_COMPARED = 5
#: Below this a difference is hardly chance, after Holm's correction.
_SURE = 0.05


def show_summary(evaluation: Evaluation, console: Console) -> None:
    """Print the table, the comparisons that decide, and the notes."""
    names = _scores(evaluation)
    if names:
        console.print(_table(evaluation, names, console.width))
    for line in deciding(evaluation):
        console.print(line, highlight=False)
    for note in evaluation.notes:
        console.print(f"note: {note}", style="yellow", highlight=False)


def _scores(evaluation: Evaluation) -> dict[str, str]:
    has = {name for one in evaluation.systems for name in one.scores}
    if "macro_f1" in has and "ccc_mean" in has:
        return _BOTH
    return {name: text for name, text in (_CATEGORIES if "macro_f1" in has else _ATTRIBUTES).items() if name in has}


def _table(evaluation: Evaluation, names: dict[str, str], width: int) -> Table:
    heading = "Scores" if len(names) > 1 else next(iter(names.values()))
    table = Table(title=title(heading, evaluation), title_justify="left")
    table.add_column("system", no_wrap=True)
    for text in names.values():
        table.add_column(text, justify="right", no_wrap=True)
    room = max(width - _SCORE * len(names) - 4, _LEAST_NAME)
    for one in evaluation.systems:
        cells = (cell(one.scores.get(name)) for name in names)
        table.add_row(middle_cut(one.system, room), *cells, style="dim" if one.reference else None)
    return table


def deciding(evaluation: Evaluation) -> list[str]:
    """Return what tells the best system, by the first score that is compared, from each other: a line for each pair."""
    names = _scores(evaluation)
    main = next((name for name in ("macro_f1", "ccc_mean", *names) if name in COMPARED_SCORES and name in names), None)
    compared = [one for one in evaluation.comparisons if one.score == main]
    if main is None or not compared:
        return []
    systems = {one.system: one.scores[main].value for one in evaluation.systems if main in one.scores}
    ranked = sorted(systems, key=lambda name: -systems[name] if not math.isnan(systems[name]) else math.inf)
    best = next((name for name in ranked if any(name in (one.first, one.second) for one in compared)), None)
    against = [one for one in compared if best in (one.first, one.second)]
    lines = [_decision(one, best or "", COMPARED_SCORES[main]) for one in against[:_COMPARED]]
    return [*lines, *([f"… and {len(against) - _COMPARED} more: --full"] if len(against) > _COMPARED else [])]


def _decision(one: Comparison, best: str, score: str) -> str:
    other, sign = (one.second, 1) if one.first == best else (one.first, -1)
    ends = sorted((sign * one.difference.low, sign * one.difference.high))
    told = f"{sign * one.difference.value:+.3f} [{ends[0]:+.3f}, {ends[1]:+.3f}]"
    sure = "" if one.p_holm < _SURE else ": may be chance"
    return f"{best} over {other}: {score} {told}, p {one.p_holm:.3f} after Holm{sure}"
