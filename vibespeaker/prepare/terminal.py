"""What `prepare` prints on the terminal: problems by file and reason, then what was written."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vibespeaker.corpora.base import Problem
from vibespeaker.labels import EMOTIONS, NO_AGREEMENT
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.split.strategies import ABLATION_COUNTS
from vibespeaker.utterance import SPLITS

#: Rows shown of the table of problems; the file has them all.
_ROWS = 50
_LOG_WIDTH = 160


def print_report(
    manifest: Manifest,
    problems: Sequence[Problem],
    warnings: Sequence[str],
    out: Path,
    problems_file: Path,
    ablation: bool = False,
) -> None:
    """Print the table of problems, the warnings, and what the manifest holds."""
    console = Console()
    if not console.is_terminal:
        # a log file has no width to wrap to
        console.width = _LOG_WIDTH
    if problems:
        console.print(problem_table(problems))
        dropped = sum(problem.dropped for problem in problems)
        console.print(f"{dropped:,} dropped, {len(problems) - dropped:,} kept and reported; all are in {problems_file}")
    for warning in warnings:
        console.print(f"warning: {warning}", style="yellow")
    console.print(summary_table(manifest))
    if manifest.table.column("split").null_count == len(manifest):
        console.print("no official splits: --split speakers makes speaker-disjoint ones")
    if ablation:
        console.print(ablation_line(manifest))
    durations = manifest.frame(["duration", "speaker"])
    kind = "synthetic utterances" if manifest.metadata.synthetic else "utterances"
    hours = durations["duration"].sum() / 3600
    console.print(f"{len(manifest):,} {kind}, {durations['speaker'].nunique():,} speakers, {hours:.2f} hours → {out}")


def problem_table(problems: Sequence[Problem]) -> Table:
    """Return the first problems as a table of file, fate and reason."""
    table = Table(title=f"Problems ({len(problems):,})", title_justify="left")
    for column in ("file", "", "reason"):
        table.add_column(column, overflow="fold")
    for problem in problems[:_ROWS]:
        table.add_row(problem.item, "dropped" if problem.dropped else "kept", problem.reason)
    if len(problems) > _ROWS:
        table.add_row("…", "", f"{len(problems) - _ROWS:,} more")
    return table


def summary_table(manifest: Manifest) -> Table:
    """Return utterances by category and split, with speakers and hours of each split."""
    frame = manifest.frame(["category", "split", "speaker", "duration"])
    frame["category"] = frame["category"].where(frame["category"].notna(), "unlabelled")
    frame["split"] = frame["split"].where(frame["split"].notna(), "no split")
    splits = [name for name in (*SPLITS, "no split") if (frame["split"] == name).any()]
    counts = Counter(zip(frame["category"], frame["split"], strict=True))
    table = Table(title="Utterances", title_justify="left")
    table.add_column("category")
    for name in (*splits, "all"):
        table.add_column(name, justify="right")
    for category in (*EMOTIONS, "unlabelled"):
        row = [counts[category, name] for name in splits]
        if any(row):
            table.add_row(category, *(f"{count:,}" for count in (*row, sum(row))))
    table.add_section()
    frames = [frame[frame["split"] == name] for name in splits] + [frame]
    table.add_row("utterances", *(f"{len(one):,}" for one in frames))
    table.add_row("speakers", *(f"{one['speaker'].nunique():,}" for one in frames))
    table.add_row("hours", *(f"{one['duration'].sum() / 3600:.2f}" for one in frames))
    return table


def ablation_line(manifest: Manifest) -> str:
    """Return the ablation's counts without no-agreement clips beside those of the source."""
    frame = manifest.frame(["category", "split"])
    counted = frame[frame["category"] != NO_AGREEMENT]["split"].value_counts()
    ours = " : ".join(f"{int(counted.get(name, 0)):,}" for name in ABLATION_COUNTS)
    theirs = " : ".join(f"{count:,}" for count in ABLATION_COUNTS.values())
    return f"ablation split without no-agreement clips, train : validation : test = {ours} (source: {theirs})"
