"""What is in more than one split and should not be: speakers, recordings, near-identical recordings, takes.

Only columns of the manifest are read; hashes and fingerprints were made by `prepare`. Shared sentences are reported
and never refused: acted corpora share them by design, and a text branch must be judged by that.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from rich.table import Table

from vibespeaker.errors import ConfigError, ManifestError
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.near_duplicates import audio_fingerprints, near_pairs
from vibespeaker.progress import plain_console
from vibespeaker.utterance import SPLITS

log = logging.getLogger(__name__)

Kind = Literal["speaker", "audio", "near-audio", "take"]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: What the check reads of a manifest.
COLUMNS = (
    *("utterance_id", "split", "speaker", "audio_sha256", "recording_sha256", "take", "sentence", "fingerprint"),
    "duration",
)

_TITLES = {
    "speaker": "speakers",
    "audio": "identical recordings",
    "near-audio": "near-identical recordings",
    "take": "takes",
    "sentence": "sentences",
}
_SHOWN = 3

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Leak:
    """Something that two splits share.

    Args:
        kind: one of `KINDS`, or `sentence`.
        splits: the two.
        count: how many speakers, recordings, takes or sentences; of near-identical recordings, pairs.
        examples: the first of them: speakers and sentences by name, otherwise an utterance of each split.
    """

    kind: str
    splits: tuple[str, str]
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        more = " …" if self.count > len(self.examples) else ""
        where = " and ".join(self.splits)
        return f"{self.count:,} {_TITLES[self.kind]} in both {where} ({', '.join(self.examples)}{more})"


@dataclass(frozen=True)
class LeakReport:
    """All that the splits of a manifest share.

    Args:
        leaks: what should not be.
        sentences: what is worth knowing.
        unchecked: kinds that the manifest has no column values for.
    """

    leaks: tuple[Leak, ...]
    sentences: tuple[Leak, ...] = ()
    unchecked: tuple[str, ...] = ()

    def by_kind(self) -> dict[str, str]:
        """Return kind → what leaks, in words; only kinds that leak."""
        kinds = dict.fromkeys(leak.kind for leak in self.leaks)
        return {kind: "; ".join(str(leak) for leak in self.leaks if leak.kind == kind) for kind in kinds}

    def refuse(self, allowed: Sequence[str], source: object) -> dict[str, str]:
        """Return what leaks and is allowed to.

        Args:
            allowed: kinds to overlook.
            source: what to call the manifest.

        Raises:
            ConfigError: `allowed` names no kind of leak, or another kind leaks.
        """
        unknown = sorted(set(allowed) - set(KINDS))
        if unknown:
            raise ConfigError("data.init_args.allow_leaks names no kind of leak", found=unknown, allowed=KINDS)
        found = self.by_kind()
        refused = {kind: text for kind, text in found.items() if kind not in allowed}
        if refused:
            raise ConfigError(
                f"the splits of manifest {source} leak into each other",
                found="; ".join(refused.values()),
                remedy="split it with vibespeaker split, or, if that is meant, name the kind in "
                f"data.init_args.allow_leaks: [{', '.join(refused)}]; it is then printed beside every score",
            )
        return found


def check(manifest: Path) -> int:
    """Look for what is in more than one split of a manifest and should not be; reads its columns only.

    Args:
        manifest: table with splits.

    Returns:
        0, or 1 when speakers, identical or near-identical recordings, or takes are in more than one split.

    Raises:
        ManifestError: the manifest has fewer than two splits.
    """
    table = Manifest.read(manifest, COLUMNS)
    splits = rows_by_split(table.table.column("split"))
    if len(splits) < 2:
        raise ManifestError(
            f"manifest {manifest} has fewer than two splits",
            found=", ".join(splits) or "none",
            remedy="make them with: vibespeaker split",
        )
    report = find_leaks(table, splits)
    _show(report, splits)
    return 1 if report.leaks else 0


def rows_by_split(splits: Sequence[str | None] | pa.ChunkedArray) -> dict[str, Rows]:
    """Return split → row numbers, in the order of splits."""
    codes, names = _codes(splits if isinstance(splits, pa.ChunkedArray) else pa.chunked_array([pa.array(splits)]))
    numbers = {name: number for number, name in enumerate(names.to_pylist())}
    found = {name: np.flatnonzero(codes == numbers.get(name, len(names))) for name in SPLITS}
    return {name: rows for name, rows in found.items() if len(rows)}


def find_leaks(manifest: Manifest, splits: Mapping[str, Rows]) -> LeakReport:
    """Compare every two splits.

    Args:
        manifest: with `COLUMNS`.
        splits: name → row numbers; a row in two splits is found as identical audio or take, or by its speaker.
    """
    leaks = []
    unchecked = []
    for kind in KINDS:
        found = _near(manifest, splits) if kind == "near-audio" else _shared(manifest, kind, splits)
        if found is None:
            unchecked.append(kind)
        leaks += found or []
    sentences = _shared(manifest, "sentence", splits)
    return LeakReport(tuple(leaks), tuple(sentences or ()), tuple(unchecked))


def leaks_of(manifest: Manifest) -> tuple[str, ...]:
    """Say what the splits of a manifest share and should not, one phrase for each kind of leak."""
    return tuple(find_leaks(manifest, rows_by_split(manifest.table.column("split"))).by_kind().values())


def _shared(manifest: Manifest, kind: str, splits: Mapping[str, Rows]) -> list[Leak] | None:
    """Return what splits share of a column; None where the column is empty."""
    codes, names = _codes(_recordings(manifest) if kind == "audio" else manifest.table.column(kind))
    if not len(names):
        return None
    inside = {name: np.unique(codes[rows][codes[rows] >= 0]) for name, rows in splits.items()}
    leaks = []
    for pair in combinations(splits, 2):
        shared = np.intersect1d(inside[pair[0]], inside[pair[1]], assume_unique=True)
        if len(shared):
            leaks.append(Leak(kind, pair, len(shared), _examples(manifest, kind, codes, shared, names, pair, splits)))
    return leaks


def _codes(column: pa.ChunkedArray) -> tuple[Rows, pa.Array]:
    """Return a number for each row's value, −1 for none, and the values by number; no text is made a Python object."""
    encoded = (
        column.combine_chunks().dictionary_encode() if len(column) else pa.array([], pa.string()).dictionary_encode()
    )
    return encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary


def _recordings(manifest: Manifest) -> pa.ChunkedArray:
    """Return the hash of each row's recording, null for texts alone: segments of one recording have the same.

    Manifests older than segments name the content alone, which is the whole recording.
    """
    return pc.coalesce(manifest.table["recording_sha256"], manifest.table["audio_sha256"])


def _examples(
    manifest: Manifest,
    kind: str,
    codes: Rows,
    shared: Rows,
    names: pa.Array,
    pair: tuple[str, str],
    splits: Mapping[str, Rows],
) -> tuple[str, ...]:
    if kind in ("speaker", "sentence"):
        return tuple(sorted(str(name) for name in names.take(shared).to_pylist())[:_SHOWN])
    identifiers = manifest.table.column("utterance_id")
    rows = (int(splits[name][np.flatnonzero(codes[splits[name]] == shared[0])[0]]) for name in pair)
    return (" = ".join(identifiers[row].as_py() for row in rows),)


def _near(manifest: Manifest, splits: Mapping[str, Rows]) -> list[Leak] | None:
    """Return near-identical recordings; those with identical files are another kind."""
    everything = audio_fingerprints(manifest)
    if not len(everything.rows):
        return None
    # one number for each file; without a hash, one of its own
    files, _ = _codes(_recordings(manifest))
    files = np.where(files < 0, -1 - np.arange(len(files)), files)
    identifiers = manifest.table.column("utterance_id")
    by_split = {name: everything.take(rows) for name, rows in splits.items()}
    leaks = []
    for first, second in combinations(splits, 2):
        # the smaller split asks, the larger one is the tree
        swapped = len(by_split[first].rows) > len(by_split[second].rows)
        asked = (second, first) if swapped else (first, second)
        pairs = near_pairs(by_split[asked[0]], by_split[asked[1]])
        pairs = pairs[files[pairs[:, 0]] != files[pairs[:, 1]]]
        if swapped:
            pairs = pairs[:, ::-1]
        if len(pairs):
            shown = (" ~ ".join(identifiers[int(row)].as_py() for row in pair) for pair in pairs[:_SHOWN])
            leaks.append(Leak("near-audio", (first, second), len(pairs), tuple(shown)))
    return leaks


def _show(report: LeakReport, splits: Mapping[str, Rows]) -> None:
    console = plain_console()
    table = Table(title="What splits share", title_justify="left")
    for name in ("kind", "splits", "count", "such as"):
        table.add_column(name, justify="right" if name == "count" else "left", overflow="fold")
    for leak in (*report.leaks, *report.sentences):
        kind = leak.kind if leak in report.leaks else f"{leak.kind} (reported only)"
        table.add_row(kind, " and ".join(leak.splits), f"{leak.count:,}", "\n".join(leak.examples))
    if table.row_count:
        console.print(table)
    for kind in report.unchecked:
        log.warning("%s could not be checked: the manifest has no values for it", _TITLES[kind])
    if not report.leaks:
        console.print(f"no leak between {', '.join(splits)}", highlight=False)
