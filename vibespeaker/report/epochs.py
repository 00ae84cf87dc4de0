"""Sections that published systems show: one row per epoch of a run, and the scores of all systems as bars."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from vibespeaker import figures
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.report.curves import Curve
from vibespeaker.report.document import ABSENT, Block, Picture, Section, Table, listed, number
from vibespeaker.report.runs import Run
from vibespeaker.report.scores import HEADLINE
from vibespeaker.report.systems import System

#: Logged name → column; those that a run did not log are left out.
_COLUMNS = {
    "train/loss": "train loss",
    "val/loss": "validation loss",
    "val/accuracy": "accuracy",
    "val/uar": "UAR",
    "val/macro_f1": "macro-F1",
    "val/ccc_arousal": "CCC arousal",
    "val/ccc_valence": "CCC valence",
    "val/ccc_dominance": "CCC dominance",
    "val/ccc_mean": "mean CCC",
    "val/wer": "WER",
    "val/cer": "CER",
}
_RULE = "model.init_args.checkpoints"
_BARS = ("accuracy", "uar", "macro_f1", "ccc_mean")


def epoch_tables(runs: Sequence[Run]) -> Section:
    """Return a table per run: learning rate, losses, scores, and where its best state was saved.

    Args:
        runs: in the order shown; those that validated nothing are passed over.
    """
    blocks: list[Block] = []
    bests: list[tuple[str, ...]] = []
    for run in runs:
        curves = run.logs.curves
        steps = next((curves[tag].steps for tag in _COLUMNS if tag.startswith("val/") and tag in curves), None)
        if steps is None:
            continue
        logged = [tag for tag in _COLUMNS if tag in curves]
        saved = saved_epochs(run)
        rows = tuple(
            (
                str(epoch),
                f"{_at(curves.get('lr'), int(step)):.2e}" if "lr" in curves else "–",
                *(number(_at(curves[tag], int(step)), 4) for tag in logged),
                "yes" if epoch in saved else "",
            )
            for epoch, step in enumerate(steps, 1)
        )
        kept = f"The best state is that of epoch {saved[-1]}." if saved else "No best state was saved."
        header = ("epoch", "learning rate", *(_COLUMNS[tag] for tag in logged), "saved")
        blocks.append(Table(f"Epochs of {run.name}. {kept}", header, rows, folded=True))
        best = [_best(curves.get(f"val/ccc_{name}")) for name in ATTRIBUTES]
        if any(cell != ABSENT for cell in best):
            bests.append((run.name, *best))
    if bests:
        caption = "CCC of each attribute at its own best epoch, which no single state has."
        blocks.insert(0, Table(caption, ("run", *ATTRIBUTES), tuple(bests)))
    return Section("Epochs", tuple(blocks))


def saved_epochs(run: Run) -> list[int]:
    """Return the epochs after which a run's best state was saved, counted from 1, by its own rule.

    A state is saved when every monitored value is strictly better than at the last save, see `BestCheckpoint`.
    """
    monitor, mode = run.setting(f"{_RULE}.monitor"), run.setting(f"{_RULE}.mode") or "max"
    monitors: Mapping[str, str] = monitor if isinstance(monitor, Mapping) else {monitor: mode} if monitor else {}
    curves = [(run.logs.curves.get(tag), 1.0 if way == "max" else -1.0) for tag, way in monitors.items()]
    if not curves or any(curve is None for curve, _ in curves):
        return []
    values = np.array([sign * curve.values for curve, sign in curves if curve is not None]).T  # (epochs, monitored)
    saved: list[int] = []
    for epoch, now in enumerate(values, 1):
        if (not saved and not np.isnan(now).any()) or (saved and bool((now > values[saved[-1] - 1]).all())):
            saved.append(epoch)
    return saved


def system_bars(systems: Sequence[System]) -> list[Block]:
    """Return the scores of all systems in one picture, a group of bars each; nothing where there is but one."""
    shown = {
        HEADLINE[score]: [system.scores.scores[score].value if score in system.scores.scores else math.nan
                          for system in systems]
        for score in _BARS
    }  # fmt: skip
    known = {title: values for title, values in shown.items() if not all(math.isnan(value) for value in values)}
    if len(systems) < 2 or not known:
        return []
    names = [system.name for system in systems]
    figure = figures.class_bars(known, names, "score")
    caption = f"{', '.join(known)} of every system; a negative score has no bar."
    alt = "Bars. " + "; ".join(f"{title}: {listed(names, values)}" for title, values in known.items()) + "."
    return [Picture("systems", figure, caption, alt)]


def _best(curve: Curve | None) -> str:
    if curve is None or np.isnan(curve.values).all():
        return ABSENT
    best = int(np.nanargmax(curve.values))
    return f"{curve.values[best]:.4f} (epoch {best + 1})"


def _at(curve: Curve | None, step: int) -> float:
    """Return the last value at or before a step; NaN where there is none."""
    if curve is None:
        return math.nan
    place = int(np.searchsorted(curve.steps, step, side="right")) - 1
    return float(curve.values[place]) if place >= 0 else math.nan
