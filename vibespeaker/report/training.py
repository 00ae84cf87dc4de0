"""Sections about training: learning curves, cost, and what each run was made with."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import yaml

from vibespeaker import figures
from vibespeaker.figures.curves import Line
from vibespeaker.report.document import ABSENT, Block, Code, Picture, Section, Table, number
from vibespeaker.report.runs import Run

#: Logged quantities in the order shown; those that no run logged are left out.
PANELS = (
    "train/loss",
    "val/loss",
    "val/wer",
    "val/cer",
    "val/macro_f1",
    "val/uar",
    "val/ccc_mean",
    "val/ccc_arousal",
    "val/ccc_valence",
    "val/ccc_dominance",
    "lr",
)
_RUNS_PER_FIGURE = 8
_POINTS = 400
_GIBIBYTE = 1 << 30


def learning_curves(runs: Sequence[Run], mark: str = "") -> Section:
    """Return one picture of all runs' curves, or several where there are many runs.

    Args:
        runs: in the order shown.
        mark: set behind every run's name.
    """
    having = [run for run in runs if run.logs.curves]
    blocks: list[Block] = []
    for start in range(0, len(having), _RUNS_PER_FIGURE):
        chosen = having[start : start + _RUNS_PER_FIGURE]
        panels = {
            tag: {run.name + mark: _line(run, tag) for run in chosen if tag in run.logs.curves}
            for tag in PANELS
            if any(tag in run.logs.curves for run in chosen)
        }
        if panels:
            names = ", ".join(run.name + mark for run in chosen)
            figure = figures.line_panels(panels)
            blocks.append(Picture(f"curves-{start // _RUNS_PER_FIGURE}", figure, f"Learning curves: {names}."))
    return Section("Learning curves", tuple(blocks))


def trials(runs: Sequence[Run], mark: str = "") -> Section:
    """Return what the trials of a sweep set and their scores, the best first; what all set alike is left out.

    Args:
        runs: all runs of the report; those that are no trials are passed over.
        mark: set behind every trial's name.
    """
    having = [run for run in runs if run.trial.get("settings")]
    keys = list(dict.fromkeys(key for run in having for key in run.trial["settings"]))
    varied = [key for key in keys if len({str(run.trial["settings"].get(key)) for run in having}) > 1]
    if len(having) < 2 or not varied:
        return Section("Trials", ())
    scores = [_number(run.trial.get("score")) for run in having]
    order = sorted(range(len(having)), key=lambda row: (math.isnan(scores[row]), -scores[row], row))
    rows = tuple(
        (
            having[row].name + mark,
            *(_setting(having[row].trial["settings"].get(key)) for key in varied),
            number(scores[row], 4),
        )
        for row in order
    )
    monitor = str(having[0].trial.get("monitor") or "score")
    caption = f"What each trial of the sweep set, by its best {monitor} while training."
    header = ("trial", *(key.removeprefix("model.init_args.") for key in varied), monitor)
    return Section("Trials", (Table(caption, header, rows),))


def cost(runs: Sequence[Run]) -> Section:
    """Return what each trained run took: time, speed, memory, size."""
    having = [run for run in runs if run.cost or not math.isnan(run.logs.seconds)]
    if not having:
        return Section("Cost", ())
    rows = tuple(
        (
            run.name,
            duration(_number(run.cost.get("seconds"), run.logs.seconds)),
            number(_number(run.cost.get("clips_per_second")), 1),
            _gibibytes(run.cost.get("peak_memory_bytes")),
            _gibibytes(run.cost.get("peak_device_memory_bytes")),
            _millions(run.cost.get("trained_parameters")),
            str(run.cost.get("device") or ABSENT),
        )
        for run in having
    )
    header = ("run", "training time", "clips/s", "memory, GiB", "device memory, GiB", "trained parameters", "device")
    return Section("Cost", (Table("What training took; a dash where it was not measured.", header, rows),))


def provenance(runs: Sequence[Run], hashes: Sequence[tuple[str, str]]) -> Section:
    """Return versions, revisions, hashes and the resolved configs."""
    rows = []
    for run in runs:
        packages = run.record.get("packages") or {}
        listed = ", ".join(f"{name} {version}" for name, version in packages.items() if version)
        if run.record:
            rows.append(
                (run.name, str(run.record.get("revision") or ABSENT), str(run.record.get("vibespeaker")), listed)
            )
    blocks: list[Block] = []
    if rows:
        header = ("run", "revision", "vibespeaker", "packages")
        blocks.append(Table("Code that trained each run.", header, tuple(rows), labels=4))
    if hashes:
        blocks.append(Table("Files that the scores were made from.", ("file", "SHA-256"), tuple(hashes), labels=2))
    blocks += [Code(f"config of {run.name}", _yaml(run.config)) for run in runs if run.config]
    return Section("How it was made", tuple(blocks))


def duration(seconds: float) -> str:
    """Return seconds as text, e.g. `2 h 05 min` or `40 s`; NaN as a dash."""
    if math.isnan(seconds):
        return ABSENT
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def _line(run: Run, tag: str) -> Line:
    curve = run.logs.curves[tag]
    kept = np.unique(np.linspace(0, len(curve.steps) - 1, min(len(curve.steps), _POINTS)).round().astype(np.int64))
    return curve.steps[kept], curve.values[kept]


def _number(value: Any, otherwise: float = math.nan) -> float:
    return float(value) if isinstance(value, (int, float)) else otherwise


def _setting(value: Any) -> str:
    if value is None:
        return ABSENT
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _gibibytes(value: Any) -> str:
    return number(_number(value) / _GIBIBYTE, 2)


def _millions(value: Any) -> str:
    return ABSENT if math.isnan(_number(value)) else f"{_number(value) / 1e6:.1f} M"


def _yaml(config: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
