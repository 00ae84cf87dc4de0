"""`vibespeaker submit`: prediction tables in, a checked submission folder out; or the check of one file alone."""

import logging
from pathlib import Path

from rich.table import Table

from vibespeaker.errors import SubmissionError
from vibespeaker.evaluation.coverage import refuse_other_files
from vibespeaker.files.outputs import check_folder
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions
from vibespeaker.progress import plain_console
from vibespeaker.submission.challenge import TEST_FILES, complaints
from vibespeaker.submission.closed_condition import ClosedCondition
from vibespeaker.submission.folder import Source, build, write_folder

log = logging.getLogger(__name__)

_SHOWN = 5


def submit(
    predictions: Path | None = None,
    out: Path | None = None,
    manifest: Path | None = None,
    split: str = "test3",
    task2: Path | None = None,
    configs: list[Path] | None = None,
    closed: bool = False,
    declare: list[str] | None = None,
    check: Path | None = None,
) -> int:
    """Write the challenge's two CSV files from predictions, or check one such file.

    Args:
        predictions: prediction table (the first word); its categories make task 1, its attributes task 2.
        out: folder of the submission: CSVs, predictions, configs, hashes and the command that remakes it.
        manifest: take the test files from this manifest instead of the challenge's 3,200 names.
        split: the split that is submitted.
        task2: another prediction table for task 2.
        configs: config files to put into the folder, beside those found next to the predictions.
        closed: refuse a system that is not shown to keep the closed condition.
        declare: what the guard of the closed condition cannot know, by your word: FOLDER=openai/whisper-large-v3 for
            the folder of a checkpoint, or FILE=… for another program's predictions. It is recorded.
        check: a CSV file to check; nothing is written.

    Returns:
        0 when the files were written, or the checked file is right.

    Raises:
        SubmissionError: listing every reason for which the organisers would refuse it. Nothing is written then.
    """
    if check is not None:
        return _check(check, TEST_FILES if manifest is None else _names(manifest, split))
    if predictions is None or out is None:
        raise SubmissionError(
            "submit needs predictions and a folder",
            remedy="vibespeaker submit PREDICTIONS --out FOLDER, or vibespeaker submit --check FILE",
        )
    check_folder(out, inputs=[predictions, manifest, task2, *(configs or [])])
    names = TEST_FILES if manifest is None else _names(manifest, split)
    first = Source(predictions, Predictions.read(predictions))
    second = first if task2 is None else Source(task2, Predictions.read(task2))
    if manifest is not None:
        for source in (first, second):
            _refuse_strangers(source, manifest, split)
    options = ["--split", split] + ([] if manifest is None else ["--manifest", str(manifest)])
    declared = _declared(declare or [])
    options += [word for place, name in declared.items() for word in ("--declare", f"{place}={name}")]
    submission = build(first, second, names, split, options, configs or [], declared)
    for remark in submission.remarks:
        log.warning("%s", remark)
    _show(submission.condition)
    if closed and submission.condition.kept is not True:
        raise SubmissionError(
            f"the closed condition is not shown to be kept: {submission.condition}",
            remedy="say where a folder's weights come from with --declare FOLDER=NAME ON THE HUB, or replace it",
        )
    write_folder(submission, out)
    log.info("wrote %s", ", ".join(str(out / name) for name in submission.csvs))
    return 0


def _declared(words: list[str]) -> dict[str, str]:
    declared = {}
    for word in words:
        place, equals, name = word.partition("=")
        if not (place and equals and name):
            raise SubmissionError("--declare says what a folder or file comes from", found=word, allowed="FOLDER=NAME")
        declared[place] = name
    return declared


def _show(condition: ClosedCondition) -> None:
    """Say the verdict in a line, and what it rests on in a table."""
    log.info("%s", condition)
    table = Table("verdict", "ingredient", "reason", title="Closed condition", title_justify="left")
    for finding in condition.findings:
        table.add_row(finding.verdict, finding.ingredient, finding.reason)
    plain_console().print(table)


def _check(path: Path, names: tuple[str, ...]) -> int:
    if not path.is_file():
        raise SubmissionError(f"{path} does not exist")
    reasons = complaints(path.read_bytes(), names)
    if reasons:
        raise SubmissionError(f"{path} would be refused: " + "; ".join(reasons))
    log.info("%s is valid: %d rows", path, len(names))
    return 0


def _refuse_strangers(source: Source, manifest: Path, split: str) -> None:
    """Refuse rows of the split whose utterances the manifest lacks, or knows by another file name."""
    table = Manifest.read(manifest, ["utterance_id", "file_name"]).frame()
    names = table.set_index("utterance_id")["file_name"]
    frame = source.predictions.frame
    wanted = frame[frame["split"] == split] if frame["split"].notna().any() else frame
    unknown = wanted["utterance_id"][~wanted["utterance_id"].isin(names.index)]
    if len(unknown):
        raise SubmissionError(
            f"{source.path} predicts {len(unknown)} utterances that manifest {manifest} does not hold",
            found=", ".join(unknown[:_SHOWN]),
            remedy="give the manifest that the predictions were made from",
        )
    refuse_other_files(source.predictions, names, source.path, f"manifest {manifest}")


def _names(manifest: Path, split: str) -> tuple[str, ...]:
    table = Manifest.read(manifest, ["file_name", "split"])
    pairs = zip(table.column("file_name"), table.column("split"), strict=True)
    names = tuple(sorted(name for name, its_split in pairs if its_split == split))
    if not names:
        known = sorted({name for name in table.column("split") if name is not None})
        raise SubmissionError(f"manifest {manifest} has no utterances of the split", found=split, allowed=known)
    return names
