"""One trial: a process that trains and one that predicts, in a run folder of its own.

`trial.json` in the folder says what was set and how far it came, so that an interrupted sweep goes on where it was:
what is done stays, what was training resumes from its last checkpoint, what failed is tried again.
"""

import json
import logging
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from vibespeaker.config_files.trust import trusted_packages
from vibespeaker.errors import ConfigError
from vibespeaker.files import write_text
from vibespeaker.files.inputs import read_json
from vibespeaker.processes.workers import parent_environment
from vibespeaker.report.curves import read_logs
from vibespeaker.report.runs import TRIAL
from vibespeaker.workflows.steps import Training
from vibespeaker.workflows.sweep.plan import Plan, Settings, nested, trial_name

log = logging.getLogger(__name__)

DONE, RUNNING, FAILED = "done", "running", "failed"
OVERLAY, OUTPUT = "trial.yaml", "trial.log"
_SHOWN_LINES = 5


@dataclass(frozen=True)
class Trial:
    """What one trial sets and what came of it.

    Args:
        number: its place in the sweep.
        settings: dotted config key → value.
        state: `running`, `done` or `failed`.
        monitor: the logged name it is judged by.
        score: best value of `monitor`; null until done, or where it was never logged.
    """

    number: int
    settings: Settings = field(default_factory=dict)
    state: str = RUNNING
    monitor: str = ""
    score: float | None = None

    @property
    def name(self) -> str:
        """Name of the run."""
        return trial_name(self.number, self.settings)


def read_trials(folder: Path) -> list[Trial]:
    """Return the trials that were begun in a sweep's folder, by number.

    Raises:
        ConfigError: a record is damaged.
    """
    trials = []
    for path in sorted(folder.glob(f"*/{TRIAL}")):
        remedy = "remove the folder of this trial and sweep again"
        try:
            trials.append(Trial(**read_json(path, ConfigError, "record of a trial", remedy)))
        except TypeError as error:
            raise ConfigError(f"{path} is damaged", found=error, remedy=remedy) from error
    return sorted(trials, key=lambda trial: trial.number)


def run_trial(trial: Trial, plan: Plan, folder: Path, overlay: Path | None = None) -> Trial:
    """Train, predict and record a trial; what is left of an earlier attempt is resumed.

    Args:
        trial: what to set.
        plan: what holds for all trials.
        folder: the sweep's folder; the run goes to a folder of the trial's name in it.
        overlay: config file between the plan's config and its settings, e.g. with the paths of this machine.
    """
    run = folder / trial.name
    record(replace(trial, state=RUNNING), folder)
    configs = _write_configs(trial, plan, run, overlay)
    splits = None if plan.predict is None else (f"--data.init_args.splits.predict={json.dumps(list(plan.predict))}",)
    training = Training(folder, trial.name, tuple(configs), system=trial.name, predict=splits)
    worked = all(_call(command, run) for command in training.commands())
    score = best_score(run, plan.monitor, plan.mode) if worked else None
    finished = replace(trial, state=DONE if worked else FAILED, monitor=plan.monitor, score=score)
    record(finished, folder)
    if not worked:
        log.error("trial %s failed; %s ends with:\n%s", trial.name, run / OUTPUT, _last_lines(run / OUTPUT))
    return finished


def record(trial: Trial, folder: Path) -> None:
    """Write a trial's record."""
    content = json.dumps(asdict(trial), indent=1, ensure_ascii=False)
    write_text(folder / trial.name / TRIAL, content + "\n")


def best_score(run: Path, monitor: str, mode: str) -> float | None:
    """Return the best value of a logged name in a run, or None where it was never logged or is never a number."""
    curve = read_logs(run).curves.get(monitor)
    values = [] if curve is None else [value for value in curve.values.tolist() if math.isfinite(value)]
    if not values:
        return None
    return max(values) if mode == "max" else min(values)


def _write_configs(trial: Trial, plan: Plan, run: Path, overlay: Path | None) -> list[str]:
    settings: dict[str, Any] = {**plan.settings, **trial.settings}
    write_text(run / OVERLAY, yaml.safe_dump(nested(settings), sort_keys=True))
    files = [plan.config, *([str(overlay)] if overlay else []), str(run / OVERLAY)]
    return [word for file in files for word in ("--config", file)]


def _call(arguments: Sequence[str], run: Path) -> bool:
    trusted = [f"--trust={package}" for package in trusted_packages()]
    command = [sys.executable, "-m", "vibespeaker", *arguments, *trusted]
    with open(run / OUTPUT, "ab") as output:
        output.write(f"$ vibespeaker {' '.join(arguments)}\n".encode())
        output.flush()
        # ends with this process, also where it is killed
        environment = {**os.environ, "COLUMNS": "120", **parent_environment()}
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
    if done.returncode == 130:  # the child was interrupted: so is the sweep
        raise KeyboardInterrupt
    return done.returncode == 0


def _last_lines(path: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-_SHOWN_LINES:])
