"""What training shows: a small table of (utterance, view), with a target count for every class.

View 0 is the recording; a higher view is drawn from it by the augmentation recipe when `extract` is given the plan, a
pure function of seed, recording and view number. Nothing is copied on disk, and no utterance outside the training split
is touched: manifest and scores stay as they are.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vibespeaker.errors import ManifestError
from vibespeaker.files import atomic_path
from vibespeaker.files.parquet import read_parquet
from vibespeaker.files.stored_fields import read_object, stored_as
from vibespeaker.labels import LabelSet
from vibespeaker.manifest import Manifest

#: Utterances per class in the training split of the source of the seven-class corpus.
TARGET = 1600
#: Where a plan's file keeps how it was made.
_KIND = b"vibespeaker.balance"

_SCHEMA = pa.schema([pa.field("utterance_id", pa.string()), pa.field("view", pa.int16())])

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Settings:
    """How a plan was made, in its file's metadata."""

    target: int
    seed: int


@dataclass(frozen=True, eq=False)
class BalancePlan:
    """The utterances of one training epoch.

    Args:
        utterance_ids: `(N,)`; an utterance stands once for each of its views.
        views: `(N,)`, 0 for the recording itself.
        target: utterances per class.
        seed: of the choice.
    """

    utterance_ids: tuple[str, ...]
    views: Rows
    target: int
    seed: int

    def __len__(self) -> int:
        return len(self.views)

    @property
    def highest_view(self) -> int:
        """Views that the most augmented utterance has besides the clean one."""
        return int(self.views.max(initial=0))

    def rows(self, manifest: Manifest) -> Rows:
        """Return `(N,)` row numbers of the plan's utterances in a manifest.

        Raises:
            ManifestError: the manifest lacks one.
        """
        rows = pd.Index(manifest.column("utterance_id")).get_indexer(pd.Index(self.utterance_ids))
        if (rows < 0).any():
            raise ManifestError(
                f"{int((rows < 0).sum())} utterances of the balance plan are not in the manifest",
                found=self.utterance_ids[int(np.flatnonzero(rows < 0)[0])],
                remedy="balance this manifest again",
            )
        return rows.astype(np.int64)

    def write(self, path: Path) -> None:
        """Write the plan; the same plan gives the same bytes."""
        metadata = {_KIND: json.dumps({"target": self.target, "seed": self.seed}).encode()}
        columns = [pa.array(self.utterance_ids, pa.string()), pa.array(self.views, pa.int16())]
        table = pa.Table.from_arrays(columns, schema=_SCHEMA).replace_schema_metadata(metadata)
        with atomic_path(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    @staticmethod
    def read(path: Path) -> "BalancePlan":
        """Read a plan.

        Raises:
            ManifestError: the file is missing or is no plan.
        """
        remedy = "make one with: vibespeaker balance"
        table = read_parquet(path, ManifestError, "balance plan", remedy)
        text = (table.schema.metadata or {}).get(_KIND)
        if text is None or not table.schema.remove_metadata().equals(_SCHEMA):
            raise ManifestError(f"{path} is no balance plan", found=table.column_names, remedy=remedy)
        source = f"balance plan {path}"
        settings = stored_as(_Settings, read_object(text, source, ManifestError), source, ManifestError, remedy)
        views = table.column("view").to_numpy().astype(np.int64)
        if any(column.null_count for column in table.columns) or views.min(initial=0) < 0:
            raise ManifestError(f"{path} is damaged: it names no utterances or views", remedy=remedy)
        names = tuple(table.column("utterance_id").to_pylist())
        return BalancePlan(names, views, settings.target, settings.seed)


def plan_balance(
    training: Manifest, labels: LabelSet, target: int, seed: int, quiet: Collection[str] = (), every: int = 1
) -> BalancePlan:
    """Return the plan for a training split.

    Args:
        training: the split, with `utterance_id` and `category`; utterances of no class are left out.
        labels: the classes.
        target: utterances per class.
        seed: of what is cut and what is added to.
        quiet: classes whose views must have no noise.
        every: views whose number is a multiple of it may have noise, see `augmentation.recipe.Noise`.

    Raises:
        ManifestError: no utterance of any class, or a target below 1.
    """
    # by id, so that the order of rows does not matter
    training = training.select(pc.sort_indices(training.table.column("utterance_id")).to_pylist())
    categories = np.array(training.column("category"), dtype=object)
    rows, views = balanced_rows(categories, labels, target, seed)
    if quiet:
        assert every > 1, "every view may have noise"
        is_quiet = np.isin(categories[rows].astype(str), list(quiet)) & (views > 0)
        # the k-th number that `every` divides not
        views = np.where(is_quiet, views + (views - 1) // (every - 1), views)
    order = np.lexsort((views, rows))
    ids = training.table.column("utterance_id").take(pa.array(rows[order])).to_pylist()
    return BalancePlan(tuple(ids), views[order], target, seed)


def balanced_rows(categories: npt.NDArray[np.object_], labels: LabelSet, target: int, seed: int) -> tuple[Rows, Rows]:
    """Return row and view of everything shown, class by class.

    A class above the target keeps a random choice. One below it keeps all and gets view 1 of all, view 2 of all, and
    so on; of the last view a random choice.

    Raises:
        ManifestError: no row of any class, or a target below 1.
    """
    if target < 1:
        raise ManifestError("the target must be at least one utterance per class", found=target)
    shown_rows, shown_views = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for number, emotion in enumerate(labels.classes):
        rows = np.flatnonzero(categories == emotion)
        if not len(rows):
            continue
        generator = np.random.default_rng([seed, number])
        whole, part = divmod(target, len(rows))
        rest = np.sort(generator.choice(rows, part, replace=False))
        shown_rows += [np.tile(rows, whole), rest]
        shown_views += [np.repeat(np.arange(whole), len(rows)), np.full(part, whole)]
    if len(shown_rows) == 1:
        raise ManifestError(f"the training split has no utterance of label set {labels.name}", allowed=labels.classes)
    return np.concatenate(shown_rows), np.concatenate(shown_views).astype(np.int64)
