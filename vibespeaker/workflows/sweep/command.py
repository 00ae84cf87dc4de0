"""`vibespeaker sweep`: run a plan's trials and report on them."""

import logging
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from rich.table import Table

from vibespeaker.arguments.ranges import JOBS, require
from vibespeaker.config_files import find_config
from vibespeaker.config_files.imports import trust as trust_packages
from vibespeaker.files.outputs import check_folder
from vibespeaker.progress import Tracker, plain_console, tracked
from vibespeaker.workflows.steps import reserve
from vibespeaker.workflows.sweep.plan import Plan, read_plan
from vibespeaker.workflows.sweep.search import propose
from vibespeaker.workflows.sweep.trials import DONE, FAILED, Trial, read_trials, run_trial

log = logging.getLogger(__name__)

STAMP = "sweep.json"


def sweep(
    plan: str,
    out: Path = Path("sweep"),
    overlay: Path | None = None,
    jobs: int = 1,
    report: bool = True,
    manifest: Path | None = None,
    trust: list[str] | None = None,
) -> int:
    """Train a model for each trial of a plan and report on all of them.

    Run again after an interruption, it goes on; a failed trial is tried again. With several jobs a search proposes
    trials before it knows the results of those that still run.

    Args:
        plan: YAML file, or the name of a shipped one such as sweep/loss-weights.
        out: folder of the sweep; each trial is a run folder in it.
        overlay: config file on top of the plan's, e.g. with this machine's paths.
        jobs: processes at a time.
        report: write the report to `out/report`, where the trials have predictions.
        manifest: manifest with the true labels for the report; the one in the configs by default.
        trust: packages whose classes configs may name, besides those of vibespeaker, torch, lightning, speechbrain and
            torchmetrics.

    Returns:
        0, or 1 where trials failed.

    Raises:
        ConfigError: the plan is wrong, or the folder holds another sweep.
    """
    require(JOBS, jobs=jobs)
    trust_packages(trust or ())
    path = find_config(plan, "sweep")
    check_folder(out, inputs=[path, overlay, manifest])
    checked = read_plan(path)
    reserve(out / STAMP, "sweep", {"digest": checked.digest}, {"plan": str(path)})
    trials = _run(checked, out, overlay, jobs)
    _show(trials, checked)
    failed = sum(trial.state == FAILED for trial in trials)
    if report and checked.predict and len(trials) > failed:
        from vibespeaker.report.command import report as write_report

        runs = [out / trial.name for trial in trials if trial.state == DONE]
        write_report(runs, out=out / "report", manifest=manifest, title=f"Sweep {path.stem}")
    if failed:
        log.warning("%d of %d trials failed; sweep again to retry them", failed, len(trials))
    return 1 if failed else 0


def _run(plan: Plan, out: Path, overlay: Path | None, jobs: int) -> list[Trial]:
    begun = {trial.number: trial for trial in read_trials(out)}
    total = plan.count if plan.search else len(plan.trials)
    trials = {number: trial for number, trial in begun.items() if trial.state == DONE and number < total}
    waiting = [number for number in range(total) if number not in trials]
    with tracked("sweeping", total, "trials") as tracker, ThreadPoolExecutor(jobs) as pool:
        tracker.advance(len(trials))
        running: set[Future[Trial]] = set()
        for number in waiting:
            if len(running) == jobs:
                running = _collect(running, trials, tracker)
            trial = begun.get(number) or Trial(number, _settings(plan, number, trials))
            running.add(pool.submit(run_trial, trial, plan, out, overlay))
        while running:
            running = _collect(running, trials, tracker)
    return [trials[number] for number in sorted(trials)]


def _collect(running: set[Future[Trial]], trials: dict[int, Trial], tracker: Tracker) -> set[Future[Trial]]:
    finished, still_running = wait(running, return_when=FIRST_COMPLETED)
    for future in finished:
        trial = future.result()
        trials[trial.number] = trial
        tracker.advance()
    return still_running


def _settings(plan: Plan, number: int, before: dict[int, Trial]) -> dict[str, object]:
    if not plan.search:
        return dict(plan.trials[number])
    return propose(plan, number, [before[earlier] for earlier in sorted(before) if earlier < number])


def _show(trials: list[Trial], plan: Plan) -> None:
    table = Table("trial", "state", plan.monitor)
    for trial in trials:
        table.add_row(trial.name, trial.state, "–" if trial.score is None else f"{trial.score:.4f}")
    plain_console().print(table)
