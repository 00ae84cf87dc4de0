"""Published splits and folds from files, matched to a manifest's utterances by name.

EmoBox (Ma et al. 2024) publishes a folder `fold_<k>` for each fold, with `<corpus>_train_fold_<k>.jsonl` and
`<corpus>_test_fold_<k>.jsonl`, sometimes `…_valid_…`: one JSON object per line, whose `wav` is the path of the
recording. A table of one's own has a column `utterance_id` or `file_name`, and `split`, `fold` or both: with `fold`
alone, a row is tested on in its fold and trained on in the others; with both, `split` is the row's in that fold.
"""

import json
import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vibespeaker.corpora.lookup import folders_and_stem
from vibespeaker.corpora.table_files import TABLE_SUFFIXES
from vibespeaker.corpora.table_rows import SPLIT_NAMES
from vibespeaker.corpora.tables import open_table, read_lines
from vibespeaker.errors import ManifestError
from vibespeaker.files import file_sha256
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.split.groups import belonging_together
from vibespeaker.prepare.split.strategies import validation_rows

log = logging.getLogger(__name__)

_FOLD_FOLDER = re.compile(r"fold[_-]?(\w+)", re.IGNORECASE)
_SHOWN = 3


@dataclass
class PublishedFold:
    """Which utterances a fold gives to which split.

    Args:
        name: of the fold, such as `1`; empty where there is one split only.
        split_of: utterance id, file name or path as published → split.
    """

    name: str
    split_of: dict[str, str] = field(default_factory=dict)

    def add(self, utterance: str, split: str, where: str) -> None:
        """Add one.

        Raises:
            ManifestError: the utterance is in another split of this fold already, or the split is unknown.
        """
        known = SPLIT_NAMES.get(split.lower())
        if known is None:
            raise ManifestError(f"{where}: unknown split", found=split, allowed=sorted(SPLIT_NAMES))
        if self.split_of.setdefault(utterance, known) != known:
            raise ManifestError(
                f"{where}: {utterance} is in two splits of fold {self.name or 'the file'}",
                found=f"{self.split_of[utterance]}, {known}",
            )


def published_folds(
    manifest: Manifest, path: Path, validation: float = 0.1, seed: int = 0
) -> Iterator[tuple[str, Manifest]]:
    """Yield each fold's name with the manifest that it splits; utterances that the fold does not list get no split.

    Args:
        manifest: its own splits are overwritten.
        path: EmoBox's folder of a corpus, or of one fold; or a table (CSV, TSV, Parquet).
        validation: share of the training utterances, by speakers, that validates in a fold that has only training and
            test; 0 for none. A file with one split and no folds is taken as it is.
        seed: of the validation speakers.

    Raises:
        ManifestError: the path is neither, or lists none of the utterances.
        CorpusError: a table cannot be read.
    """
    names = _Names(manifest)
    groups = belonging_together(manifest)
    for fold in _read(path):
        splits = np.full(len(manifest), None, dtype=object)
        unmatched = []
        for utterance, split in fold.split_of.items():
            row = names.find(utterance)
            if row is None:
                unmatched.append(utterance)
            else:
                splits[row] = split
        _count(path, fold, manifest, splits, unmatched)
        if fold.name and validation and set(fold.split_of.values()) == {"train", "test"}:
            splits[validation_rows(manifest, groups, np.flatnonzero(splits == "train"), validation, seed)] = (
                "validation"
            )
        step: dict[str, Any] = {"step": "split", "by": "published", "source": path.name, "sha256": _sha256(path)}
        step |= {"fold": fold.name, "validation": validation, "seed": seed}
        yield fold.name, manifest.with_columns({"split": splits.tolist()}, step)


def _read(path: Path) -> list[PublishedFold]:
    if path.is_dir():
        return _read_emobox(path)
    if path.is_file() and path.suffix.lower() in TABLE_SUFFIXES:
        return _read_table(path)
    raise ManifestError(
        f"{path} is neither a strategy nor published folds"
        if path.exists()
        else f"there is no strategy or file {path}",
        allowed="speakers, sessions, sentences, speakers+sentences, utterances, official, ablation, a folder with "
        f"EmoBox's fold_<k>, or a {', '.join(TABLE_SUFFIXES)} table",
    )


def _read_emobox(path: Path) -> list[PublishedFold]:
    folders = [entry for entry in (path, *path.iterdir()) if entry.is_dir() and any(entry.glob("*.jsonl"))]
    if not folders:
        raise ManifestError(f"{path} holds no EmoBox folds", allowed="fold_<k>/<corpus>_train_fold_<k>.jsonl and so on")
    folds = []
    for folder in folders:
        number = _FOLD_FOLDER.fullmatch(folder.name)
        fold = PublishedFold(number[1] if number else folder.name)
        for file in sorted(folder.glob("*.jsonl")):
            split = next((word for word in re.split(r"[_.-]", file.stem) if word.lower() in SPLIT_NAMES), None)
            if split is None:
                raise ManifestError(f"the name of {file} says no split", allowed="e.g. ravdess_test_fold_1.jsonl")
            for line, text in read_lines(file):
                if text:
                    fold.add(_wav(file, line, text), split, f"{file}:{line}")
        folds.append(fold)
    return sorted(folds, key=_order)


def _wav(file: Path, line: int, text: str) -> str:
    try:
        entry: Any = json.loads(text)
        return str(entry.get("wav") or entry["key"])
    except (ValueError, AttributeError, KeyError) as error:
        raise ManifestError(
            f"{file}:{line} is no entry of EmoBox", found=text[:80], allowed='{"key": …, "wav": …}'
        ) from error


def _read_table(path: Path) -> list[PublishedFold]:
    table = open_table(path, known=("utterance_id", "file_name", "split", "fold"))
    columns = table.columns
    utterance = next((name for name in ("utterance_id", "file_name") if name in columns), None)
    if utterance is None or not {"split", "fold"} & set(columns):
        raise ManifestError(
            f"{path} has no columns to split by",
            found=", ".join(columns),
            allowed="utterance_id or file_name, and split, fold or both",
        )
    entries = [(line, row[utterance], row.get("split", ""), row.get("fold", "")) for line, row in table.rows()]
    if table.problems:
        raise ManifestError(f"{table.problems[0].item} of {path.parent} cannot be read: {table.problems[0].reason}")
    folds = {name: PublishedFold(name) for name in sorted({fold for *_, fold in entries})}
    for line, name, split, own in entries:
        if "split" in columns:
            folds[own].add(name, split, f"{path}:{line}")
        else:
            for fold in folds.values():
                fold.add(name, "test" if fold.name == own else "train", f"{path}:{line}")
    return sorted(folds.values(), key=_order)


def _order(fold: PublishedFold) -> tuple[int, str]:
    return (int(fold.name) if fold.name.isdecimal() else 0, fold.name)


class _Names:
    """Rows of a manifest by published names: identifiers, file names, or paths that differ in their first folders."""

    def __init__(self, manifest: Manifest) -> None:
        identifiers = manifest.column("utterance_id")
        self._rows = {identifier: row for row, identifier in enumerate(identifiers)}
        self._by_stem: dict[str, list[tuple[int, tuple[str, ...]]]] = defaultdict(list)
        columns = (manifest.column("audio"), manifest.column("file_name"), identifiers)
        for row, (audio, file_name, identifier) in enumerate(zip(*columns, strict=True)):
            places = {
                folders_and_stem(name)[-1]: folders_and_stem(name) for name in (identifier, file_name, audio) if name
            }
            for stem, place in places.items():
                self._by_stem[stem].append((row, place))

    def find(self, name: str) -> int | None:
        """Return the row that `name` means, null where there is none or several fit equally well."""
        if name in self._rows:
            return self._rows[name]
        wanted = folders_and_stem(name.replace("\\", "/"))
        fitting = [(_shared(wanted, place), row) for row, place in self._by_stem.get(wanted[-1] if wanted else "", [])]
        if not fitting:
            return None
        most = max(shared for shared, _ in fitting)
        rows = {row for shared, row in fitting if shared == most}
        return rows.pop() if len(rows) == 1 else None


def _shared(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    """Return how many folders and names two paths share at their ends."""
    pairs = list(zip(reversed(first), reversed(second), strict=False))
    return next((number for number, (a, b) in enumerate(pairs) if a != b), len(pairs))


def _count(path: Path, fold: PublishedFold, manifest: Manifest, splits: Any, unmatched: list[str]) -> None:
    """Name and count what is only in the file, or only in the manifest."""
    where = f"fold {fold.name} of {path}" if fold.name else str(path)
    without = np.flatnonzero([split is None for split in splits])
    if len(without) == len(manifest):
        raise ManifestError(
            f"{where} lists no utterance of the manifest",
            found=_first(unmatched) or "nothing",
            allowed=", ".join(manifest.column("file_name")[:_SHOWN]) + " …",
        )
    if unmatched:
        log.warning(
            "%s: %s fit no utterance of the manifest, or several: %s",
            where,
            f"{len(unmatched):,} utterances",
            _first(unmatched),
        )
    if len(without):
        names = manifest.table.column("utterance_id").take(without).to_pylist()
        log.warning(
            "%s: %s of the manifest are not listed, and get no split: %s",
            where,
            f"{len(names):,} utterances",
            _first(names),
        )


def _first(names: list[str]) -> str:
    shown = (name.rpartition("/")[2] for name in names[:_SHOWN])
    return ", ".join(shown) + (" …" if len(names) > _SHOWN else "")


def _sha256(path: Path) -> Mapping[str, str] | str:
    if path.is_file():
        return file_sha256(path)
    return {file.relative_to(path).as_posix(): file_sha256(file) for file in sorted(path.rglob("*.jsonl"))}
