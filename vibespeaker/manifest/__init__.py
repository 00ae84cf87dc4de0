"""The table of utterances: one Parquet file, one row per utterance, with schema version and root in its metadata."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vibespeaker.errors import ManifestError
from vibespeaker.files import atomic_path
from vibespeaker.files.parquet import open_parquet, undamaged
from vibespeaker.files.stored_fields import read_object, stored_as
from vibespeaker.labels import label_set
from vibespeaker.manifest.checks import as_declared, check_ids, check_rows
from vibespeaker.manifest.columns import SCHEMA as SCHEMA
from vibespeaker.manifest.columns import field_of, in_order
from vibespeaker.manifest.texts import is_named_text, named_columns, text_names

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
#: What stands for the column `votes` in `Manifest.read` when only the raters' primary emotions are needed.
PRIMARY_VOTES = "votes.primary"
#: The same for their secondary emotions.
SECONDARY_VOTES = "votes.secondary"
#: Rows that are compressed and read together: a reader's memory beyond the table is that of a group.
_GROUP_ROWS = 65_536
_METADATA_KEY = b"vibespeaker"
_AGAIN = "prepare it again with this version of vibespeaker"
_REMEDY = "make one with: vibespeaker prepare FORMAT PATH --out FILE"


@dataclass(frozen=True)
class ManifestMetadata:
    """What holds for the whole table.

    Args:
        root: folder that the `audio` column is relative to.
        label_set: name of the label set that fits the categories (`labels.label_set`); the file lists its classes in
            their order beside it.
        corpora: corpora in the table, in order of first appearance.
        synthetic: True when the speech is generated; scores on it are shown as such.
        schema_version: `SCHEMA_VERSION` of the writer.
        history: what was done to the table, oldest first: one mapping per step, without timestamps.
    """

    root: str
    label_set: str
    corpora: tuple[str, ...] = ()
    synthetic: bool = False
    schema_version: int = SCHEMA_VERSION
    history: tuple[dict[str, Any], ...] = field(default=())


@dataclass(frozen=True)
class Manifest:
    """A checked table of utterances and its metadata."""

    table: pa.Table
    metadata: ManifestMetadata

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def root(self) -> Path:
        """Folder that the audio paths are relative to."""
        return Path(self.metadata.root)

    def frame(self, columns: Sequence[str] | None = None) -> "pd.DataFrame":
        """Return the table, or some of its columns, as a data frame with missing texts as None."""
        import pandas as pd  # half of the time of commands that need only columns

        table = self.table if columns is None else self.table.select(list(columns))
        frame: pd.DataFrame = table.to_pandas()
        for item in table.schema:
            if pa.types.is_string(item.type):
                # pandas 3 would turn null into NaN
                values = table.column(item.name).to_numpy(zero_copy_only=False)
                frame[item.name] = pd.Series(values, index=frame.index, dtype=object)
        return frame

    def column(self, name: str) -> list[Any]:
        """Return one column as Python values, null as None."""
        values: list[Any] = self.table.column(name).to_pylist()
        return values

    def codes(self, name: str) -> tuple[npt.NDArray[np.int64], list[str]]:
        """Return a text column as `(rows,)` positions in the list of its values, -1 for null: fast for many rows."""
        encoded = _encoded(self.table.column(name).combine_chunks())
        return encoded.indices.fill_null(-1).to_numpy().astype(np.int64), encoded.dictionary.to_pylist()

    def primary_votes(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], list[str]]:
        """Return for every vote its row, and the primary emotion as a position in the list, -1 for null."""
        votes = self.table.column("votes").combine_chunks()
        rows = pc.list_parent_indices(votes).to_numpy(zero_copy_only=False).astype(np.int64)
        encoded = _encoded(pc.struct_field(pc.list_flatten(votes), "primary"))
        return rows, encoded.indices.fill_null(-1).to_numpy().astype(np.int64), encoded.dictionary.to_pylist()

    def secondary_votes(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], list[str]]:
        """Return for every secondary emotion of every vote its row, and the name as a position in the list."""
        votes = self.table.column("votes").combine_chunks()
        rows = pc.list_parent_indices(votes).to_numpy(zero_copy_only=False).astype(np.int64)
        names = pc.struct_field(pc.list_flatten(votes), "secondary")
        voters = pc.list_parent_indices(names).to_numpy(zero_copy_only=False).astype(np.int64)
        encoded = _encoded(pc.list_flatten(names))
        return rows[voters], encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()

    def with_columns(self, columns: Mapping[str, Sequence[Any]], step: dict[str, Any] | None = None) -> "Manifest":
        """Return the manifest with columns replaced or named texts added, and `step` appended to its history."""
        table = self.table
        for name, values in columns.items():
            item = field_of(name)
            array, position = pa.array(values, item.type), table.schema.get_field_index(name)
            table = table.append_column(item, array) if position < 0 else table.set_column(position, item, array)
        return replace(self, table=in_order(table)).with_step(step)

    def with_step(self, step: dict[str, Any] | None) -> "Manifest":
        """Return the manifest with `step` appended to its history."""
        if step is None:
            return self
        return replace(self, metadata=replace(self.metadata, history=(*self.metadata.history, step)))

    def select(self, rows: Sequence[int] | Sequence[bool] | npt.NDArray[np.int64]) -> "Manifest":
        """Return the rows given by number, or by one boolean each."""
        chosen = pa.array(rows) if len(rows) else pa.array([], pa.int64())
        table = self.table.filter(chosen) if pa.types.is_boolean(chosen.type) else self.table.take(chosen)
        return replace(self, table=table)

    def write(self, path: Path) -> None:
        """Validate and write the manifest; the same manifest gives the same bytes.

        Raises:
            ManifestError: a column is wrong or an identifier repeats.
        """
        validate(self, path)
        fields = {**asdict(self.metadata), "classes": label_set(self.metadata.label_set).classes}
        metadata = json.dumps(fields, sort_keys=True, ensure_ascii=False).encode()
        with atomic_path(path) as temporary:
            table = self.table.replace_schema_metadata({_METADATA_KEY: metadata})
            pq.write_table(table, temporary, compression="zstd", row_group_size=_GROUP_ROWS)

    @staticmethod
    def read(path: Path, columns: Sequence[str] | None = None) -> "Manifest":
        """Read a manifest, or some of its columns; nothing of the others is read.

        Args:
            path: the file.
            columns: of `SCHEMA`, of named texts, or `PRIMARY_VOTES`, `SECONDARY_VOTES`; None reads all there are.

        Raises:
            ManifestError: the file is missing, is no manifest, has another schema version, or holds rows that
                `manifest.checks` refuses.
        """
        pieces = list(_pieces(path, columns))
        release_memory()
        table, metadata = pa.concat_tables([piece.table for piece in pieces]), pieces[0].metadata
        check_ids(table, path)
        check_rows(table, metadata.label_set, path)
        return Manifest(table, metadata)

    @staticmethod
    def text_names(path: Path) -> list[str]:
        """Return the names of the texts of a manifest beside the default (`texts`), sorted; otherwise as `read`."""
        with open_parquet(path, ManifestError, "manifest", _REMEDY) as file:
            return text_names(file.schema_arrow.names)

    @staticmethod
    def scan(path: Path, columns: Sequence[str] | None = None) -> Iterator["Manifest"]:
        """Read as `read` does, in pieces of some 65,000 rows, for work that needs them once; there is at least one.

        Of identifiers it is not checked whether they repeat.
        """
        first = 0
        for piece in _pieces(path, columns):
            check_rows(piece.table, piece.metadata.label_set, path, first)
            first += len(piece)
            yield piece


def _pieces(path: Path, columns: Sequence[str] | None) -> Iterator[Manifest]:
    """Read row groups; columns are those of `SCHEMA`, their values are not checked."""
    with open_parquet(path, ManifestError, "manifest", _REMEDY) as file:
        metadata = _read_metadata(file.schema_arrow.metadata or {}, path)
        asked = [*SCHEMA.names, *named_columns(file.schema_arrow.names)] if columns is None else list(columns)
        wanted = list(dict.fromkeys("votes" if name in _NESTED else name for name in asked))
        there = set(file.schema_arrow.names)
        later = {item.name for item in SCHEMA if item.nullable} - there
        missing = [name for name in wanted if name not in there | later]
        if missing:
            allowed = [*SCHEMA.names, *named_columns(there)]
            name = missing[0].partition(".")[2]
            remedy = f"vibespeaker transcribe {path} --out {path} --name {name}" if is_named_text(missing[0]) else None
            raise ManifestError(f"manifest {path} lacks columns", found=missing, allowed=allowed, remedy=remedy)
        places = [_NESTED.get(name, name) for name in asked if name.partition(".")[0] in there]
        for group in range(max(1, file.num_row_groups)):
            with undamaged(path, ManifestError):
                table = file.read_row_groups([group] if file.num_row_groups else [], columns=places)
            yield Manifest(as_declared(table, [field_of(name) for name in wanted], path), metadata)


def release_memory() -> None:
    """Give the system back what Arrow keeps after decoding a table or dropping one: 100 MB for a million rows."""
    pa.default_memory_pool().release_unused()


#: Name → Parquet path of a nested field.
_NESTED = {
    PRIMARY_VOTES: "votes.list.element.primary",
    SECONDARY_VOTES: "votes.list.element.secondary.list.element",
}


def _encoded(column: pa.Array) -> pa.DictionaryArray:
    """Return a text array, in one chunk or several, as positions in its distinct values."""
    array = pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) and column.num_chunks else column
    return (pa.array([], pa.string()) if isinstance(array, pa.ChunkedArray) else array).dictionary_encode()


def build(columns: dict[str, Sequence[Any]], metadata: ManifestMetadata) -> Manifest:
    """Make a manifest from columns; those not given are null."""
    rows = len(columns["utterance_id"])
    arrays = [pa.array(columns.get(item.name, [None] * rows), type=item.type) for item in SCHEMA]
    return Manifest(pa.Table.from_arrays(arrays, schema=SCHEMA), metadata)


def validate(manifest: Manifest, path: Path) -> None:
    """Refuse a manifest whose columns or rows are wrong, with a `ManifestError`; see `manifest.checks`."""
    names = manifest.table.schema.names
    expected = [*SCHEMA.names, *named_columns(names)]
    if names != expected:
        raise ManifestError(f"manifest {path} has the wrong columns", found=names, allowed=expected)
    as_declared(manifest.table, [field_of(name) for name in names], path)
    check_ids(manifest.table, path)
    check_rows(manifest.table, manifest.metadata.label_set, path)


def _read_metadata(raw: dict[bytes, bytes], path: Path) -> ManifestMetadata:
    if _METADATA_KEY not in raw:
        raise ManifestError(f"{path} is not a VibeSpeaker manifest", remedy="make one with: vibespeaker prepare")
    source = f"metadata of manifest {path}"
    fields = read_object(raw[_METADATA_KEY], source, ManifestError)
    if fields.get("schema_version") != SCHEMA_VERSION:
        raise ManifestError(
            f"manifest {path} has another schema version",
            found=fields.get("schema_version"),
            allowed=str(SCHEMA_VERSION),
            remedy=_AGAIN,
        )
    # tables older than this field have the classes of their label set's name
    classes = fields.pop("classes", [])
    metadata = stored_as(ManifestMetadata, fields, source, ManifestError)
    known = list(label_set(metadata.label_set).classes)
    if classes and classes != known:
        raise ManifestError(
            f"manifest {path} was written with other classes of label set {metadata.label_set!r}",
            found=classes,
            allowed=", ".join(known),
            remedy=_AGAIN,
        )
    return metadata
