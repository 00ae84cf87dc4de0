"""What `prepare` prints on the terminal: problems by file and reason, then what was written."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from vibespeaker.corpora.base import Problem
from vibespeaker.errors import printable
from vibespeaker.labels import EMOTIONS, NO_AGREEMENT, label_set
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.split.strategies import ABLATION_COUNTS
from vibespeaker.progress import plain_console
from vibespeaker.utterance import SPLITS

#: Reasons shown in the table of problems, and files shown of each; the file has them all.
_ROWS = 50
_EXAMPLES = 3
#: What differs between problems of one kind: what is quoted, names of files, numbers.
_VARIABLE = re.compile(r"'[^']*'|\S*[/\\.:]\S*\w|\d[\d.,]*")


def print_report(
    manifest: Manifest,
    problems: Sequence[Problem],
    warnings: Sequence[str],
    out: Path,
    problems_file: Path,
    ablation: bool = False,
) -> None:
    """Print the table of problems, the warnings, and what the manifest holds."""
    console = plain_console()
    absent = [problem for problem in problems if problem.absent]
    if absent:
        first = min(absent)
        console.print(
            f"{len(absent):,} listed utterances have no audio in this folder, which seems partial; the first: "
            f"{first.item}: {first.reason}"
        )
    if len(problems) > len(absent):
        console.print(problem_table([problem for problem in problems if not problem.absent]))
    if problems:
        dropped = sum(problem.dropped for problem in problems)
        console.print(f"{dropped:,} dropped, {len(problems) - dropped:,} kept and reported; all are in {problems_file}")
    for warning in warnings:
        console.print(f"warning: {printable(warning)}", style="yellow")
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
    """Return problems grouped by reason: how many there are, the reason in the words of the first, and where."""
    groups: dict[tuple[bool, str], list[Problem]] = {}
    for problem in problems:
        groups.setdefault((not problem.dropped, _VARIABLE.sub("…", problem.reason)), []).append(problem)
    table = Table(title=f"Problems ({len(problems):,})", title_justify="left")
    table.add_column("count", justify="right")
    for column in ("", "reason", "file"):
        table.add_column(column, overflow="fold")
    ordered = sorted(groups.items(), key=lambda entry: (entry[0][0], -len(entry[1]), entry[1][0]))
    for (kept, _), group in ordered[:_ROWS]:
        reason = group[0].reason if len({problem.reason for problem in group}) == 1 else f"{group[0].reason}; …"
        items = ", ".join(problem.item for problem in group[:_EXAMPLES]) + (", …" if len(group) > _EXAMPLES else "")
        table.add_row(f"{len(group):,}", "kept" if kept else "dropped", reason, items)
    if len(ordered) > _ROWS:
        table.add_row("", "", f"{len(ordered) - _ROWS:,} more reasons", "…")
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
    own = label_set(manifest.metadata.label_set).classes
    for category in dict.fromkeys((*EMOTIONS, *own, "unlabelled")):
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
