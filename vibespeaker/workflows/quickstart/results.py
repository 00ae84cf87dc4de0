"""The steps after training: ensemble, submission files, report, and the scores in a few lines."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from vibespeaker.ensemble import ensemble
from vibespeaker.evaluation import Evaluation
from vibespeaker.progress import plain_console
from vibespeaker.report.command import report
from vibespeaker.submission import submit
from vibespeaker.workflows.quickstart.data import PreparedData
from vibespeaker.workflows.quickstart.training import RUNS, Run, planned
from vibespeaker.workflows.steps import Chain, Step

logger = logging.getLogger(__name__)

SYSTEM = "full system"
#: Rows of the summary: the systems a reader compares, weakest first.
_SHOWN = ("majority/mean", "text-only", "audio-only", "audio+text, late fusion", SYSTEM)
_SCORES = {
    "macro_f1": "macro-F1",
    "uar": "UAR",
    "ccc_arousal": "CCC aro.",
    "ccc_valence": "CCC val.",
    "ccc_dominance": "CCC dom.",
}
#: As in the published ensemble for valence, the late fusion joins as it was before fine-tuning.
_MEMBERS = {
    "categories": ("task1", "task1-statistics", "multitask"),
    "arousal": ("task2", "task2-statistics", "multitask"),
    "valence": ("task2", "task2-statistics", "multitask"),
    "dominance": ("task2", "task2-statistics", "multitask"),
}


@dataclass(frozen=True)
class Submitted:
    """The system that is submitted.

    Args:
        table: its predictions.
        key: of the step that made them.
        stage: what its steps are told apart by from those of the other story; empty for the short one.
    """

    table: Path
    key: str
    stage: str = ""


def first_system(out: Path, keys: dict[str, str]) -> Submitted:
    """Return what the short story submits: the model that hears and reads."""
    run = RUNS[0]
    return Submitted(run.predictions(out), keys[run.name])


def combine(data: PreparedData, out: Path, results: Path, keys: dict[str, str], chain: Chain) -> Submitted:
    """Run the ensemble's step, and return what the full story submits."""
    tables = {run.name: str(run.predictions(out)) for run in planned(data, full=True)}
    heads = {head: names for head, names in _MEMBERS.items() if head == "categories" or data.has_attributes}
    members = [name for name in tables if any(name in chosen for chosen in heads.values())]
    table = results / "predictions.parquet"

    def work() -> None:
        by_head = {head: [tables[name] for name in chosen] for head, chosen in heads.items()}
        ensemble([Path(tables[name]) for name in members], table, system=SYSTEM, **by_head)  # type: ignore[arg-type]

    inputs = {"members": {name: keys[name] for name in members}, "heads": heads}
    key = chain.run(Step("ensemble", "combining the fine-tuned models", inputs, (table,), work))
    return Submitted(table, key, "full-")


def submits(data: PreparedData) -> bool:
    """Return whether there is a test split to submit, with predictions for both tasks."""
    return data.challenge and data.has_attributes


def write_submission(data: PreparedData, system: Submitted, results: Path, chain: Chain) -> None:
    """Run the submission's step; for a corpus without one, log why not."""
    if not data.has_attributes:
        logger.info("this corpus has no attributes: task 2 and the submission are skipped")
        return
    if not data.challenge:
        logger.info("this corpus has no test split of the challenge: the submission is skipped")
        return
    folder = results / "submission"

    def work() -> None:
        submit(system.table, folder, manifest=data.manifest, split="test3")

    outputs = (folder, folder / "task1.csv", folder / "task2.csv")
    name, inputs = f"{system.stage}submission", {"predictions": system.key}
    chain.run(Step(name, "writing the submission", inputs, outputs, work))


def write_report(
    data: PreparedData,
    runs: Sequence[Run],
    system: Submitted,
    keys: dict[str, str],
    out: Path,
    results: Path,
    chain: Chain,
    draws: int,
) -> None:
    """Run the report's step and print the main scores."""
    folder = results / "report"
    evaluation = folder / "evaluation.json"
    sources = [*(run.folder(out) for run in runs), *([system.table] if system.stage else [])]
    title = "Quickstart"  # the page says first that the speech is synthetic

    def work() -> None:
        report(sources, folder, data.truth, data.scored, title=title, draws=draws)

    inputs = {
        "keys": {**keys, "submitted": system.key},
        "truth": data.truth_key,
        "split": data.scored,
        "draws": draws,
    }
    outputs = (evaluation, folder / "index.html")
    chain.run(Step(f"{system.stage}report", "writing the report", inputs, outputs, work))
    _print(Evaluation.read(evaluation), data)


def _print(evaluation: Evaluation, data: PreparedData) -> None:
    title = f"Scores on the {data.scored} split" + (", SYNTHETIC speech" if data.synthetic else "")
    by_name = {scores.system: scores.scores for scores in evaluation.systems}
    rows = [name for name in _SHOWN if name in by_name]
    columns = {key: text for key, text in _SCORES.items() if any(key in by_name[name] for name in rows)}
    table = Table("system", *columns.values(), title=title, title_justify="left")
    for name in rows:
        values = (by_name[name].get(key) for key in columns)
        table.add_row(name, *("" if score is None else f"{score.value:.3f}" for score in values))
    plain_console().print(table)
