"""The members of an ensemble: tables of one label set over the same utterances, or a challenge file among them."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from vibespeaker.ensemble.stack import Stack
from vibespeaker.errors import PredictionsError
from vibespeaker.evaluation.coverage import refuse_other_files, untrained_heads
from vibespeaker.evaluation.folds import read_tables
from vibespeaker.evaluation.identify import identify
from vibespeaker.evaluation.targets import class_columns
from vibespeaker.files import file_sha256
from vibespeaker.labels import ATTRIBUTES, OTHER, LabelSet, label_set
from vibespeaker.predictions import KEYS, Predictions
from vibespeaker.provenance import UNTRAINED
from vibespeaker.submission.challenge import TASK1_HEADER, TASK2_HEADER, read_task2

log = logging.getLogger(__name__)

_SHOWN = 5


@dataclass(frozen=True)
class Member:
    """One member: a prediction table, or a challenge file of task 2.

    Args:
        name: its path as given, which is also how options name it.
        sha256: hash of the file.
        predictions: the table; null for a challenge file.
        by_file: file name → arousal, valence, dominance of a challenge file; null for a table.
        silent: utterances for which it had nothing to go by, see `Stack`.
    """

    name: str
    sha256: str
    predictions: Predictions | None = None
    by_file: dict[str, npt.NDArray[np.float64]] | None = None
    silent: frozenset[str] = frozenset()

    @staticmethod
    def read(path: Path) -> "Member":
        """Read a table, a challenge file of task 2 (`.csv` with its columns alone), or another program's CSV.

        Raises:
            PredictionsError: the file is missing or unusable.
        """
        if path.suffix.lower() == ".csv":
            try:
                content = path.read_bytes()
                if set(content.split(b"\n", 1)[0].decode().strip().split(",")) <= {*TASK1_HEADER, *TASK2_HEADER}:
                    return Member(str(path), file_sha256(path), by_file=read_task2(content))
            except (OSError, ValueError) as error:
                raise PredictionsError(f"{path} is not a challenge file of task 2", found=error) from error
        return Member(str(path), file_sha256(path), predictions=Predictions.read(path))

    def record(self) -> dict[str, Any]:
        """Return what the ensemble's metadata keeps of it."""
        base = {"path": self.name, "sha256": self.sha256}
        if self.predictions is None:
            return {**base, "kind": "challenge-csv"}
        metadata = asdict(self.predictions.metadata)
        return {**base, "kind": "predictions", **{k: metadata[k] for k in ("system", "checkpoint", "provenance")}}


def read_members(
    paths: Sequence[Path],
    labels: str | None = None,
    for_categories: Sequence[str] | None = None,
    folds: bool = False,
) -> tuple[Member, ...]:
    """Read all members, restrict them to one label set, and refuse those that cannot.

    A member with "other" as a class drops it where another member has all classes but that: models fine-tuned without
    it are combined with those they were fine-tuned from.

    Args:
        paths: the members.
        labels: label set of the ensemble; members with more classes drop the others. By default the label sets of the
            members that are combined for categories may differ by "other" alone.
        for_categories: names of the members that are combined for categories, all by default; the others may have
            any label set.
        folds: whether the tables of one system are folds, to be joined; the member has the name of the first of them.

    Raises:
        PredictionsError: no table, a member given twice, or another label set; by name.
        ConfigError: there is no such label set.
    """
    repeated = sorted({str(path) for path in paths if list(paths).count(path) > 1})
    if repeated:
        raise PredictionsError("members are given twice", found=", ".join(repeated))
    members = _members(paths, folds)
    tables = [member for member in members if member.predictions is not None]
    if not tables:
        raise PredictionsError("an ensemble needs at least one prediction table", found=[str(path) for path in paths])
    _warn(tables)
    counting = [member for member in tables if for_categories is None or member.name in for_categories]
    plain = [member for member in counting if OTHER not in _table(member).labels.classes]
    first = [*plain, *counting, *tables][0]
    target = _table(first).labels if labels is None else label_set(labels)
    return tuple(_answering(member, target, first.name, labels is not None, member in counting) for member in members)


def _warn(tables: Sequence[Member]) -> None:
    """Say what members a careful reader would ask about: of several manifests, or with a head that nothing trained."""
    manifests = {_table(member).metadata.manifest: member.name for member in tables}
    if len(manifests.keys() - {None}) > 1:
        log.warning(
            "members were predicted from different manifests (%s): utterances with the same id and file name are taken "
            "to be the same",
            ", ".join(f"{name} from {str(digest)[:12]}" for digest, name in manifests.items()),
        )
    for member in tables:
        for head in untrained_heads(_table(member)):
            log.warning("member %s: the head %s %s", member.name, head, UNTRAINED)


def _members(paths: Sequence[Path], folds: bool) -> tuple[Member, ...]:
    if not folds:
        return identified([Member.read(path) for path in paths])
    files = [path for path in paths if path.suffix.lower() == ".csv"]
    joined = read_tables([path for path in paths if path not in files], folds=True)
    tables = [Member(str(table.paths[0]), table.sha256, predictions=table.predictions) for table in joined]
    return identified([*tables, *(Member.read(path) for path in files)])


def identified(members: Sequence[Member]) -> tuple[Member, ...]:
    """Give tables that know file names only the ids that the other tables have for them."""
    tables = [member.predictions for member in members if member.predictions is not None]
    named = [table.frame[list(KEYS)] for table in tables if not table.metadata.provenance.get("by_file")]
    if not named:
        return tuple(members)
    known = pd.concat(named).drop_duplicates("utterance_id")
    return tuple(
        member
        if member.predictions is None
        else replace(member, predictions=identify(member.predictions, known, member.name))
        for member in members
    )


def _answering(member: Member, target: LabelSet, first: str, named: bool, counts: bool) -> Member:
    """Return the member with logits of `target` only, or without where it does not count for categories."""
    table = member.predictions
    if table is None or table.labels == target:
        return member
    if not counts:
        logits = None
    elif named or table.labels.scored.classes == target.classes:
        logits = table.logits()[:, class_columns(table, target, member.name)] if table.has_categories else None
    else:
        raise PredictionsError(
            f"member {member.name} has another label set than {first}",
            found=f"{table.labels.name} {table.labels.classes}",
            allowed=f"{target.name} {target.classes}",
            remedy="choose the members for categories with --categories, or one label set with --labels",
        )
    metadata = replace(table.metadata, label_set=target.name, classes=target.classes)
    keys = [list(table.frame[name]) for name in KEYS]
    made = Predictions.build(keys[0], keys[1], keys[2], logits, None, metadata)
    others = [*ATTRIBUTES, *(column for name, spec in metadata.heads.items() for column in spec.columns(name))]
    made.frame[others] = table.frame[others]
    return replace(member, predictions=made)


def utterances(members: Sequence[Member], split: str | None) -> pd.DataFrame:
    """Return `utterance_id, file_name, split` of the rows to combine: those of the first table, in its order.

    Raises:
        PredictionsError: no row is of the split, or a member lacks or adds utterances; by name.
    """
    first = next(member for member in members if member.predictions is not None)
    keys = _keys(first, split)
    if keys.empty:
        raise PredictionsError(f"member {first.name} has no utterances of split {split}")
    wanted = set(keys["utterance_id"])
    names = keys.set_index("utterance_id")["file_name"]
    for member in members:
        if member.predictions is None:
            continue
        has = set(_keys(member, split)["utterance_id"])
        for what, ids in (
            (f"lacks utterances of {first.name}", wanted - has),
            (f"has utterances that {first.name} lacks", has - wanted),
        ):
            if ids:
                shown = ", ".join(sorted(ids)[:_SHOWN])
                raise PredictionsError(f"member {member.name} {what}", found=f"{len(ids)}, e.g. {shown}")
        refuse_other_files(member.predictions, names, f"member {member.name}", first.name)
    return keys.reset_index(drop=True)


def stack(members: Sequence[Member], keys: pd.DataFrame) -> Stack:
    """Line the members up with the rows of `keys`; a challenge file fills the rows whose file names it has."""
    classes = len(_table(next(member for member in members if member.predictions is not None)).labels)
    probabilities = np.full((len(members), len(keys), classes), np.nan)
    attributes = np.full((len(members), len(keys), len(ATTRIBUTES)), np.nan)
    for index, member in enumerate(members):
        if member.predictions is None:
            values = member.by_file or {}
            nothing = np.full(len(ATTRIBUTES), np.nan)
            attributes[index] = [values.get(name, nothing) for name in keys["file_name"]]
            continue
        rows = pd.Index(member.predictions.frame["utterance_id"]).get_indexer(pd.Index(keys["utterance_id"]))
        attributes[index] = member.predictions.attributes()[rows]
        if member.predictions.has_categories:
            probabilities[index] = member.predictions.probabilities()[rows]
    silent = None
    if any(member.silent for member in members):
        silent = np.array([keys["utterance_id"].isin(member.silent) for member in members], np.bool_)
    return Stack(tuple(member.name for member in members), probabilities, attributes, silent=silent)


def refuse_gaps(members: Sequence[Member], keys: pd.DataFrame) -> None:
    """Refuse challenge files that do not cover every row.

    Raises:
        PredictionsError: by name, with the files that are missing.
    """
    for member in members:
        if member.by_file is not None:
            missing = [name for name in keys["file_name"] if name not in member.by_file]
            if missing:
                raise PredictionsError(
                    f"member {member.name} lacks {len(missing)} files",
                    found=", ".join(missing[:_SHOWN]),
                    remedy="combine only the split that it covers, e.g. --split test3",
                )


def _table(member: Member) -> Predictions:
    assert member.predictions is not None
    return member.predictions


def _keys(member: Member, split: str | None) -> pd.DataFrame:
    keys = _table(member).frame[["utterance_id", "file_name", "split"]]
    return keys if split is None else keys[keys["split"] == split]
