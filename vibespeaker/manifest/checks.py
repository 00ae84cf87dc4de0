"""What the rows of a manifest must hold, checked when one is read and before one is written.

Identifiers are there and do not repeat, vocabularies are known, attributes are finite and within 1–7, times are finite
and not negative. All of it is vectorised: a million rows take a few tenths of a second.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vibespeaker.errors import ManifestError
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES, EMOTIONS, label_set
from vibespeaker.utterance import SPLITS

_SHOWN = 5
_INFINITE = float("inf")
_WORD = 8
#: Odd multipliers whose bits are well spread, of the hash of an identifier.
_MULTIPLIERS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))


def as_declared(table: pa.Table, fields: Sequence[pa.Field], path: Path) -> pa.Table:
    """Return columns of a table in order, with their declared types.

    Args:
        table: what a file holds; columns that may be null may be absent. Of a list of structs, fields may be absent.
        fields: the columns asked for.
        path: of the manifest, for errors.

    Raises:
        ManifestError: a value would lose by the change of type, or is missing where none may be.
    """
    columns, declared = [], []
    for item in fields:
        there = table.schema.field(item.name).type if item.name in table.schema.names else None
        column = pa.nulls(len(table), item.type) if there is None else table.column(item.name)
        item = item.with_type(_as_far_as_read(there, item.type))
        try:
            columns.append(column.cast(item.type))
        except pa.ArrowException as error:
            raise ManifestError(
                f"manifest {path}: column {item.name} has the wrong type", found=there, allowed=str(item.type)
            ) from error
        if column.null_count and not item.nullable:
            raise ManifestError(f"manifest {path}: column {item.name} has {column.null_count} missing values")
        declared.append(item)
    return pa.table(columns, schema=pa.schema(declared))


def _as_far_as_read(there: pa.DataType | None, wanted: pa.DataType) -> pa.DataType:
    if there is None or not pa.types.is_list(wanted) or not pa.types.is_list(there):
        return wanted
    inner, known = there.value_type, {item.name: item.type for item in wanted.value_type}
    if not pa.types.is_struct(inner) or not {item.name for item in inner} <= known.keys():
        return wanted
    return pa.list_(pa.struct([(item.name, known[item.name]) for item in inner]))


def check_rows(table: pa.Table, labels: str, path: Path, first: int = 0) -> None:
    """Check the values of all columns that are there; columns that are not are left alone.

    Args:
        table: some columns of a manifest, some or all of its rows.
        labels: name of the manifest's label set.
        path: of the manifest, for errors.
        first: number of the first of these rows in the manifest, from 0.

    Raises:
        ManifestError: naming the column, the first offending rows, how many there are, and what is allowed.
        ConfigError: there is no such label set.
    """
    there = set(table.schema.names)
    vocabularies = {
        "split": SPLITS,
        "category": (*EMOTIONS, *label_set(labels).classes),
        "gender": ("female", "male"),
    }
    for name in there & vocabularies.keys():
        allowed: Iterable[str] = vocabularies[name]
        if set(table.column(name).unique().to_pylist()) - {None, *allowed}:
            known = pa.array(allowed, pa.string())
            _refuse(table, name, pc.is_in(table.column(name), known), path, first, "is unknown", allowed)
    for name, (low, high) in _RANGES.items():
        if name in there:
            _refuse(
                table, name, _within(table.column(name), low, high), path, first, "is out of range", _said(low, high)
            )
    if "votes" in there:
        _check_votes(table, path, first)


def check_ids(table: pa.Table, path: Path) -> None:
    """Refuse utterance ids that are missing, empty, or stand twice.

    Args:
        table: all rows of a manifest; without the column nothing is checked.
        path: of the manifest, for errors.

    Raises:
        ManifestError: naming the first of them.
    """
    if "utterance_id" not in table.schema.names:
        return
    identifiers = table.column("utterance_id")
    empty = pc.equal(pc.fill_null(pc.binary_length(identifiers), 0), 0).to_numpy()
    if empty.any():
        rows = np.flatnonzero(empty)
        raise ManifestError(f"manifest {path}: {len(rows)} rows have no utterance id", found=_rows(rows))
    doubtful = identifiers.take(pa.array(_sharing_a_hash(identifiers)))
    counts = doubtful.value_counts()
    repeated = [one["values"] for one in counts.to_pylist() if one["counts"] > 1]
    if repeated:
        raise ManifestError(
            f"manifest {path} repeats utterance ids",
            found=f"{len(repeated)}, e.g. {', '.join(repeated[:_SHOWN])}",
            allowed="one row per utterance",
        )


def _check_votes(table: pa.Table, path: Path, first: int) -> None:
    votes = table.column("votes").combine_chunks()
    answers = pc.list_flatten(votes)
    given = [item.name for item in votes.type.value_type]
    for name in [name for name in ATTRIBUTES if name in given]:
        fits = pc.fill_null(pc.is_finite(pc.struct_field(answers, name)), True).to_numpy(zero_copy_only=False)
        if not fits.all():
            rows = np.unique(pc.list_parent_indices(votes).to_numpy()[~fits])
            mask = np.isin(np.arange(len(table)), rows, invert=True)
            _refuse(table, f"votes.{name}", mask, path, first, "is not finite", "a finite number, or null", shown=False)


def _within(column: pa.ChunkedArray, low: float, high: float) -> pa.ChunkedArray:
    finite = pc.is_finite(column) if high == _INFINITE else pc.less_equal(column, high)
    return pc.and_(finite, pc.greater_equal(column, low))  # NaN compares as false


def _said(low: float, high: float) -> str:
    if low == -_INFINITE:
        return "a finite number, or null"
    return f"{low:g}–{high:g}, or null" if high < _INFINITE else f"a finite number, at least {low:g}, or null"


#: Column → least and greatest value.
_RANGES = {
    **{name: (ATTRIBUTE_MIN, ATTRIBUTE_MAX) for name in ATTRIBUTES},
    **{name: (0.0, _INFINITE) for name in ("duration", "start", "end")},
    "channel": (1.0, 2.0**31),
    **{name: (-_INFINITE, _INFINITE) for name in ("level_db", "snr_db")},
}


def _refuse(
    table: pa.Table,
    name: str,
    fits: pa.ChunkedArray | npt.NDArray[np.bool_],
    path: Path,
    first: int,
    fault: str,
    allowed: str | Iterable[str],
    shown: bool = True,
) -> None:
    """Raise for the rows that do not fit; null fits."""
    if isinstance(fits, np.ndarray):
        wrong = np.flatnonzero(~fits)
    elif pc.all(fits, min_count=0).as_py():
        return
    else:
        values = table.column(name)
        wrong = np.flatnonzero(~pc.or_(pc.fill_null(fits, False), pc.is_null(values)).to_numpy())
    if not len(wrong):
        return
    few = wrong[:_SHOWN]
    named: Callable[[int], str] = partial(_row_name, table, first)
    found = [f"{table.column(name)[int(row)].as_py()} in {named(row)}" if shown else named(row) for row in few]
    rows = "1 row" if len(wrong) == 1 else f"{len(wrong)} rows"
    raise ManifestError(
        f"manifest {path}: {name} {fault} in {rows}",
        found=", ".join(found) + (", …" if len(wrong) > _SHOWN else ""),
        allowed=allowed,
        remedy="mend the corpus and prepare it again, or write null where a value is not known",
    )


def _row_name(table: pa.Table, first: int, row: int) -> str:
    if "utterance_id" in table.schema.names:
        return str(table.column("utterance_id")[int(row)].as_py())
    return f"row {first + int(row) + 1}"


def _rows(rows: npt.NDArray[np.int64]) -> str:
    return f"row {', '.join(str(row + 1) for row in rows[:_SHOWN])}" + (", …" if len(rows) > _SHOWN else "")


def _sharing_a_hash(texts: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Return the rows whose text has the hash of another row's: all that repeat, hardly ever others.

    Arrow's own count of distinct texts takes several times as long as eight bytes of all rows at once.
    """
    hashes = np.concatenate([_hashes(chunk) for chunk in texts.chunks] or [np.empty(0, np.uint64)])
    ordered = np.sort(hashes)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    return np.flatnonzero(np.isin(hashes, twice)) if len(twice) else np.empty(0, np.int64)


def _hashes(texts: pa.StringArray) -> npt.NDArray[np.uint64]:
    """Return a hash of 64 bits for each text, `(rows,)`."""
    _, offsets, content = texts.buffers()
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    characters = np.zeros((0 if content is None else content.size) + 2 * _WORD, np.uint8)
    if content is not None:
        characters[: content.size] = np.frombuffer(content, np.uint8)
    words = np.ndarray((len(characters) - _WORD,), np.uint64, buffer=characters, strides=(1,))  # one at every byte
    lengths = np.diff(bounds)
    found = lengths.astype(np.uint64) * _MULTIPLIERS[1]
    for place in range(0, int(lengths.max(initial=0)), _WORD):
        left = np.clip(lengths - place, 0, _WORD)
        word = words[np.minimum(bounds[:-1] + place, len(words) - 1)]
        word &= ~np.uint64(0) >> ((_WORD - left) % _WORD * 8).astype(np.uint64)
        mixed = (found ^ word) * _MULTIPLIERS[0]
        # equal texts have equal hashes, however long others of their chunk are
        found = np.where(left > 0, mixed ^ (mixed >> np.uint64(29)), found)
    return found
