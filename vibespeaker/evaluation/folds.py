"""The tables of all folds of a system as one table: each utterance once, predicted by a model not trained on it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from vibespeaker.errors import PredictionsError
from vibespeaker.evaluation.identify import identify
from vibespeaker.files import file_sha256
from vibespeaker.predictions import Predictions

_SHOWN = 5
#: What of the provenance adds up over folds; everything else must be the same.
_COLLECTED = ("corpora", "transcripts")
#: What folds may differ in.
_OWN = ("command", "calibration", "leaks")


@dataclass(frozen=True, eq=False)
class Table:
    """A prediction table, or all folds of one.

    Args:
        paths: its files, one each fold.
        sha256: hash of the file, or over those of its files.
        predictions: all rows.
    """

    paths: tuple[Path, ...]
    sha256: str
    predictions: Predictions

    @property
    def name(self) -> str:
        """What errors and reports call it: its file, or the first of its files and how many follow."""
        more = len(self.paths) - 1
        return f"{self.paths[0]} and {more} more folds" if more else str(self.paths[0])


def read_tables(
    paths: Sequence[Path], split: str | None = None, folds: bool = False, known: pd.DataFrame | None = None
) -> list[Table]:
    """Read tables, and join those that are folds of one system.

    Args:
        paths: the tables.
        split: keep this split only, such as the test split of every fold; all rows by default.
        folds: whether tables are folds: all of one system where no two of them share an utterance, otherwise those of
            each system by its name.
        known: `utterance_id, file_name, split` of the utterances, for tables of other programs by file name.

    Raises:
        PredictionsError: a table is unusable or has no row of the split, or folds share utterances or do not fit.
    """
    read = [Predictions.read(path) for path in paths]
    if known is not None:
        read = [identify(table, known, path) for table, path in zip(read, paths, strict=True)]
    tables = [
        Table((path,), file_sha256(path), rows_of(table, split, path)) for path, table in zip(paths, read, strict=True)
    ]
    if not folds:
        return tables
    groups: dict[str, list[Table]] = {}
    alone = not _shared(tables)
    for table in tables:
        groups.setdefault("" if alone else table.predictions.metadata.system, []).append(table)
    return [join(group) for group in groups.values()]


def rows_of(predictions: Predictions, split: str | None, path: object) -> Predictions:
    """Return the rows of a split, or all.

    Raises:
        PredictionsError: there is none.
    """
    frame = predictions.frame if split is None else predictions.frame[predictions.frame["split"] == split]
    if frame.empty:
        known = sorted(predictions.frame["split"].dropna().unique())
        raise PredictionsError(f"{path} predicts nothing of split {split}", found=", ".join(known) or "no rows")
    return Predictions(frame.reset_index(drop=True), predictions.metadata)


def join(tables: Sequence[Table]) -> Table:
    """Return folds as one table, in the order given; one table as it is.

    Raises:
        PredictionsError: two folds predict one utterance, come from one checkpoint, or differ in label set, label
            policy, heads or encoders; by name.
    """
    first = tables[0]
    if len(tables) == 1:
        return first
    repeated = _shared(tables)
    if repeated:
        raise PredictionsError(
            f"folds of {first.predictions.metadata.system!r} predict {len(repeated)} utterances more than once",
            found=", ".join(repeated[:_SHOWN]),
            remedy="give each fold's table of its own test split, e.g. with --split test",
        )
    for other in tables[1:]:
        _refuse_another(first, other)
    metadata = first.predictions.metadata
    found = [table.predictions.metadata for table in tables]
    joined = replace(
        metadata,
        checkpoint=None,
        manifest=metadata.manifest if len({one.manifest for one in found}) == 1 else None,
        cache=metadata.cache if len({one.cache for one in found}) == 1 else None,
        synthetic=any(one.synthetic for one in found),
        provenance=_provenance(tables),
    )
    frame = pd.concat([table.predictions.frame for table in tables], ignore_index=True)
    digest = hashlib.sha256("".join(table.sha256 for table in tables).encode()).hexdigest()
    return Table(tuple(path for table in tables for path in table.paths), digest, Predictions(frame, joined))


def _shared(tables: Sequence[Table]) -> list[str]:
    ids = pd.concat([table.predictions.frame["utterance_id"] for table in tables])
    return sorted(ids[ids.duplicated()].unique())


def _refuse_another(first: Table, other: Table) -> None:
    one, two = first.predictions.metadata, other.predictions.metadata
    encoders = [(metadata.provenance or {}).get("encoders") for metadata in (one, two)]
    differing = {
        "label set": one.labels != two.labels,
        "label policy": one.label_policy != two.label_policy,
        "heads": dict(one.heads) != dict(two.heads),
        "encoders": encoders[0] != encoders[1],
        "predicted heads": list(_filled(first.predictions)) != list(_filled(other.predictions)),
    }
    named = [name for name, differs in differing.items() if differs]
    if named:
        raise PredictionsError(f"{other.name} is no fold of the same system as {first.name}: another {named[0]}")
    if one.checkpoint is not None and one.checkpoint == two.checkpoint and one.manifest != two.manifest:
        raise PredictionsError(
            f"{other.name} and {first.name} were predicted by one checkpoint from two manifests, so it was trained on "
            "the test split of one of them",
            remedy="give each fold's own table",
        )


def _filled(predictions: Predictions) -> list[str]:
    return [column for column in predictions.frame.columns[3:] if predictions.has(column)]


def _provenance(tables: Sequence[Table]) -> dict[str, Any]:
    found: list[Mapping[str, Any]] = [table.predictions.metadata.provenance for table in tables]
    merged = {key: value for key, value in found[0].items() if key not in _OWN}
    for key in _COLLECTED:
        if any(key in one for one in found):
            merged[key] = sorted({name for one in found for name in one.get(key) or ()})
    merged["leaks"] = {kind: text for one in found for kind, text in (one.get("leaks") or {}).items()}
    merged["folds"] = [
        {
            "path": str(table.paths[0]),
            "sha256": table.sha256,
            "checkpoint": table.predictions.metadata.checkpoint,
            "manifest": table.predictions.metadata.manifest,
        }
        for table in tables
    ]
    return merged
