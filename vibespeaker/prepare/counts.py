"""Utterances by split, corpus and class: counting, and the tables on the terminal, in CSV and in Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.table import Table

from vibespeaker.files.csv_text import csv_text
from vibespeaker.files.markdown import plain
from vibespeaker.files.markdown import row as markdown_row
from vibespeaker.prepare.label_map import Counts
from vibespeaker.utterance import SPLITS

ALL = "all"
NO_SPLIT = "no split"
NO_CATEGORY = "unlabelled"


@dataclass(frozen=True, eq=False)
class CorpusCounts:
    """Utterances by split, corpus and class.

    Args:
        splits: split → `(corpora, classes)` counts, in the order of splits, `all` last.
        corpora: rows.
        classes: columns.
    """

    splits: Mapping[str, npt.NDArray[np.int64]]
    corpora: tuple[str, ...]
    classes: tuple[str, ...]

    def by_class(self, split: str) -> dict[str, int]:
        """Return class → utterances of a split, over all corpora."""
        return dict(zip(self.classes, self.splits[split].sum(axis=0).tolist(), strict=True))


def count(frame: pd.DataFrame, classes: Sequence[str], corpora: Sequence[str] = ()) -> CorpusCounts:
    """Count rows.

    Args:
        frame: columns `corpus`, `category`, `split`; null categories and splits are counted as such.
        classes: columns of the tables; other categories that occur follow in alphabetical order.
        corpora: rows of the tables in order; others that occur follow in alphabetical order.
    """
    categories = frame["category"].where(frame["category"].notna(), NO_CATEGORY)
    splits = frame["split"].where(frame["split"].notna(), NO_SPLIT)
    columns = (*classes, *sorted(set(categories) - set(classes)))
    found = set(frame["corpus"])
    rows = (*(name for name in corpora if name in found), *sorted(found - set(corpora)))
    by_split = {}
    for split in (*SPLITS, NO_SPLIT):
        inside = splits == split
        if inside.any():
            one = pd.crosstab(frame["corpus"][inside], categories[inside])
            by_split[split] = one.reindex(index=rows, columns=columns, fill_value=0).to_numpy(np.int64)
    empty = np.zeros((len(rows), len(columns)), dtype=np.int64)
    total = sum(by_split.values(), empty)
    single = len(by_split) == 1 and NO_SPLIT not in by_split
    return CorpusCounts(by_split if single else {**by_split, ALL: total}, rows, columns)


def terminal_table(counts: CorpusCounts, split: str, published: Counts | None = None, note: str = "") -> Table:
    """Return one split as a table with totals; published numbers stand in brackets where they differ."""
    table = Table(title=f"{split}{note}", title_justify="left")
    table.add_column("corpus")
    for name in (*counts.classes, "total"):
        table.add_column(name, justify="right", overflow="fold")
    for name, cells in table_rows(counts, split, published):
        if name == "total":
            table.add_section()
        table.add_row(name, *cells)
    return table


def table_rows(counts: CorpusCounts, split: str, published: Counts | None = None) -> list[tuple[str, tuple[str, ...]]]:
    """Return (corpus, cells) with totals at the right and below."""
    numbers = counts.splits[split]
    rows = [
        (corpus, _cells(numbers[row], counts.classes, (published or {}).get(corpus)))
        for row, corpus in enumerate(counts.corpora)
    ]
    return [*rows, ("total", _cells(numbers.sum(axis=0), counts.classes, _published_total(published)))]


def as_csv(counts: CorpusCounts) -> str:
    """Return all splits as CSV: `part,corpus,category,utterances`, zeros included."""
    rows = [
        (split, counts.corpora[row], counts.classes[column], number)
        for split, numbers in counts.splits.items()
        for (row, column), number in np.ndenumerate(numbers)
    ]
    return csv_text(("part", "corpus", "category", "utterances"), rows)


def as_markdown(counts: CorpusCounts, published: Mapping[str, Counts], notes: Sequence[str]) -> str:
    """Return all splits as Markdown tables."""
    lines = [f"> {plain(note)}" for note in notes]
    for split in counts.splits:
        lines += ["", f"## {plain(split)}", "", markdown_row(map(plain, ("corpus", *counts.classes, "total")))]
        lines.append("|---|" + "---:|" * (len(counts.classes) + 1))
        rows = table_rows(counts, split, published.get(split))
        lines += [markdown_row(map(plain, (name, *cells))) for name, cells in rows]
    return "\n".join(lines).lstrip("\n") + "\n"


def _published_total(published: Counts | None) -> dict[str, int] | None:
    if published is None:
        return None
    if ALL in published:
        return dict(published[ALL])
    total: dict[str, int] = {}
    for row in published.values():
        for emotion, number in row.items():
            total[emotion] = total.get(emotion, 0) + number
    return total


def _cells(
    numbers: npt.NDArray[np.int64], classes: Sequence[str], published: Mapping[str, int] | None
) -> tuple[str, ...]:
    ours = [*numbers.tolist(), int(numbers.sum())]
    if published is None:
        return tuple(f"{number:,}" for number in ours)
    theirs = [published.get(emotion, 0) for emotion in classes]
    return tuple(
        f"{number:,}" if number == other else f"{number:,} ({other:,})"
        for number, other in zip(ours, [*theirs, sum(published.values())], strict=True)
    )
