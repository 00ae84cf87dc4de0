"""Sections about training: learning curves, cost, and what each run was made with."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import yaml

from vibespeaker import figures
from vibespeaker.figures.curves import Band, Line
from vibespeaker.report.document import ABSENT, Block, Code, Picture, Section, Table, listed, number
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
#: Keys of a config in which the seeds of one system differ.
_APART = {"seed_everything", "seed", "name", "out", "ckpt_path"}
_NUMBER = re.compile(r"[-_. ]*(seed|s)?[-_. ]*\d+$")


def learning_curves(runs: Sequence[Run]) -> Section:
    """Return one picture of all runs' curves, or several where there are many; seeds of one system are one band.

    Args:
        runs: in the order shown.
    """
    having = systems_of_runs([run for run in runs if run.logs.curves])
    names = list(having)
    blocks: list[Block] = []
    for start in range(0, len(names), _RUNS_PER_FIGURE):
        chosen = {name: having[name] for name in names[start : start + _RUNS_PER_FIGURE]}
        panels: dict[str, dict[str, Line | Band]] = {}
        for tag in PANELS:
            lines = {name: _curve(seeds, tag) for name, seeds in chosen.items()}
            known = {name: line for name, line in lines.items() if line is not None}
            if known:
                panels[tag] = known
        if panels:
            figure = figures.line_panels(panels)
            bands = ": means of the seeds in bands from the least to the greatest"
            is_band = any(len(seeds) > 1 for seeds in chosen.values())
            caption = f"Learning curves of {', '.join(chosen)}{bands if is_band else ''}."
            ends = "; ".join(
                f"{tag} ends at {listed(list(lines), [float(np.asarray(line[1])[-1]) for line in lines.values()])}"
                for tag, lines in panels.items()
            )
            blocks.append(Picture(f"curves-{start // _RUNS_PER_FIGURE}", figure, caption, f"Lines over steps. {ends}."))
    return Section("Learning curves", tuple(blocks))


def systems_of_runs(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return name → runs in the order given; runs whose configs differ in names and seeds alone are a system's seeds.

    Several seeds are called by the first one's name without its number, and how many they are. A run without a config,
    or with the seed of another, stands alone.
    """
    families: dict[str, list[Run]] = {}
    for run in runs:
        key = json.dumps(_without_seeds(run.config), sort_keys=True, default=str) if run.config else ""
        own = key if all(_seed(run) != _seed(other) for other in families.get(key, ())) else ""
        families.setdefault(own or f"alone: {run.name}", []).append(run)
    found: dict[str, list[Run]] = {}
    for seeds in families.values():
        first = seeds[0].name
        name = first if len(seeds) == 1 else f"{_NUMBER.sub('', first) or first} ({len(seeds)} seeds)"
        found[name if name not in found else f"{name}, {first}"] = seeds
    return found


def _seed(run: Run) -> Any:
    return run.setting("seed_everything")


def trials(runs: Sequence[Run]) -> Section:
    """Return what the trials of a sweep set and their scores, the best first; what all set alike is left out.

    Args:
        runs: all runs of the report; those that are no trials are passed over.
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
            having[row].name,
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


def _without_seeds(config: Any) -> Any:
    """Return a config without names and seeds, wherever they stand in it."""
    if isinstance(config, Mapping):
        return {key: _without_seeds(value) for key, value in config.items() if key not in _APART}
    return [_without_seeds(item) for item in config] if isinstance(config, list) else config


def _curve(seeds: Sequence[Run], tag: str) -> Line | Band | None:
    """Return a curve, of several seeds their mean and range at the steps that all logged; None where there is none."""
    curves = [run.logs.curves[tag] for run in seeds if tag in run.logs.curves]
    if not curves:
        return None
    steps = reduce(np.intersect1d, [curve.steps for curve in curves])
    kept = steps[np.unique(np.linspace(0, len(steps) - 1, min(len(steps), _POINTS)).round().astype(np.int64))]
    if not len(kept):
        return None
    values = np.stack([curve.values[np.searchsorted(curve.steps, kept)] for curve in curves])
    if len(curves) == 1:
        return kept, values[0]
    return kept, values.mean(axis=0), values.min(axis=0), values.max(axis=0)


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
