"""The submission folder: the files to submit, and everything needed to make it again."""

import json
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vibespeaker import __version__
from vibespeaker.errors import SubmissionError
from vibespeaker.evaluation.coverage import untrained_heads
from vibespeaker.evaluation.targets import refuse_other_order
from vibespeaker.files import copy_file, file_sha256, naming, temporary_beside, write_text
from vibespeaker.files.run_folder import CONFIG as RUN_CONFIG
from vibespeaker.files.run_folder import RECORD as RUN_RECORD
from vibespeaker.labels import ATTRIBUTES, CHALLENGE, LETTER_OF
from vibespeaker.labels.heads import ATTRIBUTES_HEAD, CATEGORIES_HEAD
from vibespeaker.predictions import Predictions
from vibespeaker.provenance import UNTRAINED
from vibespeaker.submission.challenge import complaints, task1_csv, task2_csv
from vibespeaker.submission.closed_condition import ClosedCondition, judge

TASK1_FILE, TASK2_FILE = "task1.csv", "task2.csv"
RECORD = "submission.json"
REMAKE = "remake.sh"
#: What a run keeps in its folder, and the ending of an ensemble's recipe beside its table.
RUN_FILES, RECIPE_SUFFIX = (RUN_CONFIG, RUN_RECORD), ".recipe.yaml"


@dataclass(frozen=True)
class Source:
    """A prediction table and the file it came from."""

    path: Path
    predictions: Predictions


@dataclass(frozen=True)
class Submission:
    """All that goes into the folder, checked.

    Args:
        csvs: file name → text, each without complaints.
        sources: prediction tables to copy, by name in the folder.
        configs: config files to copy, by name in the folder.
        condition: the guard's answer.
        options: options of the command that remakes it.
        remarks: what the sender should know.
        declared: folder or file → where it comes from, by the sender's word.
    """

    csvs: Mapping[str, str]
    sources: Mapping[str, Source]
    configs: Mapping[str, Path]
    condition: ClosedCondition
    options: tuple[str, ...] = ()
    remarks: tuple[str, ...] = field(default=())
    declared: Mapping[str, str] = field(default_factory=dict)


def build(
    first: Source,
    second: Source,
    names: Sequence[str],
    split: str,
    options: Sequence[str],
    configs: Sequence[Path],
    declared: Mapping[str, str] | None = None,
) -> Submission:
    """Make the CSV files and check them.

    Args:
        first: predictions for task 1.
        second: predictions for task 2, often the same.
        names: the test files.
        split: rows of other splits are left out.
        options: options to repeat when the submission is made again.
        configs: configs to carry along, beside those found next to the tables and their ensemble members.
        declared: folder or file → where it comes from, by the user's word, see `judge`.

    Raises:
        SubmissionError: no head to submit, or every reason for which a file would be refused.
    """
    csvs, remarks = {}, []
    if first.predictions.has_categories:
        refuse_other_order(first.predictions, first.path)
        _refuse_untrained(first, (CATEGORIES_HEAD,), TASK1_FILE)
        table = _rows(first, split)
        csvs[TASK1_FILE] = task1_csv(list(table.frame["file_name"]), _letters(table))
        absent = [emotion for emotion in CHALLENGE.classes if emotion not in table.labels.classes]
        if absent:
            remarks.append(f"{first.path} has no class for {', '.join(absent)}: they are never submitted")
    # a table that was given for task 1 may leave task 2 out
    is_guess = first is second and TASK1_FILE in csvs and ATTRIBUTES_HEAD in untrained_heads(second.predictions)
    if is_guess:
        remarks.append(f"{TASK2_FILE} is not written: the head {ATTRIBUTES_HEAD} of {second.path} {UNTRAINED}")
    elif all(second.predictions.has(attribute) for attribute in ATTRIBUTES):
        _refuse_untrained(second, (ATTRIBUTES_HEAD,), TASK2_FILE)
        table = _rows(second, split)
        csvs[TASK2_FILE] = task2_csv(list(table.frame["file_name"]), table.attributes())
    if not csvs:
        raise SubmissionError(f"{first.path} predicts neither categories nor all three attributes")
    reasons = [f"{name}: {reason}" for name, text in csvs.items() for reason in complaints(text.encode(), names)]
    if reasons:
        raise SubmissionError("the submission would be refused: " + "; ".join(reasons))
    expected = (TASK1_FILE,) if is_guess else (TASK1_FILE, TASK2_FILE)
    remarks += [f"{name} is not written: no such head" for name in expected if name not in csvs]
    used = {"predictions.parquet": first} | ({} if second.path == first.path else {"task2-predictions.parquet": second})
    if any(source.predictions.metadata.synthetic for source in used.values()):
        remarks.append("the speech is synthetic")
    tables = [source.predictions.metadata for source in used.values()]
    findings = [judge(table.provenance, table.system, declared) for table in tables]
    condition = ClosedCondition(tuple(dict.fromkeys(finding for one in findings for finding in one.findings)))
    found = [*configs, *(path for source in used.values() for path in _configs(source))]
    return Submission(csvs, used, _named(found), condition, tuple(options), tuple(remarks), declared or {})


def write_folder(submission: Submission, out: Path) -> None:
    """Write the folder whole or not at all; an earlier submission there is replaced.

    Raises:
        SubmissionError: the folder holds something that is no submission.
    """
    if out.exists() and not (out / RECORD).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise SubmissionError(f"{out} holds something else than a submission", remedy="choose a new folder for --out")
    temporary, replaced = temporary_beside(out), temporary_beside(out, "old")
    try:
        with naming(out, temporary):
            _fill(submission, temporary)
            if out.exists():
                os.replace(out, replaced)
            os.replace(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if replaced.exists() and not out.exists():
            os.replace(replaced, out)
        shutil.rmtree(replaced, ignore_errors=True)


def _fill(submission: Submission, folder: Path) -> None:
    for name, text in submission.csvs.items():
        write_text(folder / name, text)
    for name, source in submission.sources.items():
        copy_file(source.path, folder / name)
    for name, path in submission.configs.items():
        copy_file(path, folder / name)
    commands = _commands(submission)
    write_text(folder / REMAKE, "#!/bin/sh\nset -e\n" + "\n".join(commands) + "\n")
    record = {
        "vibespeaker": __version__,
        "files": {
            str(path.relative_to(folder)): file_sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()
        },
        "systems": {name: asdict(source.predictions.metadata) for name, source in submission.sources.items()},
        "closed_condition": {
            "verdict": submission.condition.verdict,
            "declared": dict(submission.declared),
            "findings": [asdict(finding) for finding in submission.condition.findings],
        },
        "commands": commands,
        "remarks": submission.remarks,
    }
    write_text(folder / RECORD, json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def _commands(submission: Submission) -> list[str]:
    """Return the commands recorded along the provenance chain as comments, then the one that remakes the CSV files."""
    recorded = [
        command
        for source in submission.sources.values()
        for command in _recorded(source.predictions.metadata.provenance)
    ]
    task2 = [word for name in list(submission.sources)[1:] for word in ("--task2", name)]
    words = ["vibespeaker", "submit", "predictions.parquet", *task2, *submission.options, "--out", "remade"]
    return [*(f"# {command}" for command in dict.fromkeys(recorded)), shlex.join(words)]


def _recorded(provenance: Mapping[str, Any]) -> Iterator[str]:
    for member in (provenance.get("ensemble") or {}).get("members") or []:
        yield from _recorded(member.get("provenance") or {})
    if provenance.get("command"):
        yield str(provenance["command"])


def _rows(source: Source, split: str) -> Predictions:
    frame = source.predictions.frame
    if frame["split"].notna().any():
        frame = frame[frame["split"] == split]
    if frame.empty:
        known = sorted(source.predictions.frame["split"].dropna().unique())
        raise SubmissionError(f"{source.path} predicts nothing of split {split}", found=", ".join(known) or "no rows")
    return Predictions(frame.reset_index(drop=True), source.predictions.metadata)


def _refuse_untrained(source: Source, heads: Sequence[str], name: str) -> None:
    for head in untrained_heads(source.predictions):
        if head in heads:
            raise SubmissionError(
                f"{name} cannot be made of {source.path}: its head {head} {UNTRAINED}",
                remedy="train it with a loss term of weight above 0, give another table, or one without that head",
            )


def _letters(predictions: Predictions) -> list[str]:
    """Return the letter of the most probable challenge class of each row; logits of other classes do not count."""
    classes = predictions.labels.classes
    known = [position for position, emotion in enumerate(classes) if emotion in CHALLENGE.classes]
    if not known:
        raise SubmissionError("the system has no challenge class", found=classes, allowed=CHALLENGE.classes)
    letters = np.array([LETTER_OF[classes[position]] for position in known])
    return [str(letter) for letter in letters[predictions.logits()[:, known].argmax(axis=1)]]


def _configs(source: Source) -> list[Path]:
    members = (source.predictions.metadata.provenance.get("ensemble") or {}).get("members") or []
    tables = [source.path, *(Path(member["path"]) for member in members)]
    recipes = [path.with_suffix(RECIPE_SUFFIX) for path in tables]
    # predictions and checkpoints lie in the run's folder or one below
    runs = dict.fromkeys(folder for path in tables for folder in (path.parent, path.parent.parent))
    return [place for place in (*recipes, *(run / name for run in runs for name in RUN_FILES)) if place.is_file()]


def _named(paths: Sequence[Path]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for path in dict.fromkeys(path.resolve() for path in paths):
        if not path.is_file():
            raise SubmissionError(f"config {path} does not exist")
        named[f"configs/{len(named) + 1}-{path.parent.name}-{path.name}"] = path
    return named
