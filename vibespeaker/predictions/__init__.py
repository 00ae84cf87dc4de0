"""The prediction table: one Parquet file, one row per utterance in manifest order, its provenance in the metadata.

Columns: `utterance_id, file_name, split, logit_<class>…, arousal, valence, dominance`, then those of further heads in
the order of the metadata: `head.<name>.<class>` for each logit of a classification (softmax) or a multilabel head
(sigmoid), `head.<name>` for the value of a regression. The metadata hold each head's kind and classes. Whoever does not
ask for further heads ignores them: calibration and prior shift pass them on as they are, ensembles average them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vibespeaker.errors import PredictionsError
from vibespeaker.files import atomic_path
from vibespeaker.files.parquet import open_parquet, read_parquet
from vibespeaker.files.stored_fields import fits, read_object, stored_as
from vibespeaker.labels import ATTRIBUTES, CHALLENGE, LabelSet
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.labels.policy import LabelPolicy
from vibespeaker.metrics import softmax
from vibespeaker.predictions.cells import write_readable
from vibespeaker.predictions.checks import check_frame
from vibespeaker.predictions.csv import read_foreign
from vibespeaker.provenance import never_trained

SCHEMA_VERSION = 1
#: Suffixes of the files that hold predictions.
TABLE_SUFFIXES = (".parquet", ".csv")
KEYS = ("utterance_id", "file_name", "split")
_METADATA_KEY = b"vibespeaker"
_KIND = "predictions"
_REMEDY = "make them with: vibespeaker predict"
_SHOWN = 5
#: Floor of probabilities whose logarithms become logits.
_LEAST = 1e-12


@dataclass(frozen=True)
class PredictionsMetadata:
    """What holds for the whole table.

    Args:
        label_set: name of the label set.
        classes: its classes in the order of the logits.
        system: what reports call the system, e.g. `full` or `audio-only`.
        checkpoint: SHA-256 of the checkpoint file, or of the members and weights of an ensemble of them; or null.
        manifest: SHA-256 of the manifest file, or null.
        cache: digest of the embedding cache, or null when encoders ran live.
        synthetic: True when the speech is generated; scores on it are shown as such.
        provenance: what the closed-condition guard reads: corpora, encoders, transcriber, ensemble members.
        label_policy: which labels the system's own scores counted; null where that is not recorded.
        heads: further head → what it predicts, in the order of the columns.
    """

    label_set: str
    classes: tuple[str, ...]
    system: str = "system"
    checkpoint: str | None = None
    manifest: str | None = None
    cache: str | None = None
    synthetic: bool = False
    provenance: dict[str, Any] = field(default_factory=dict)
    label_policy: LabelPolicy | None = None
    heads: Mapping[str, HeadSpec] = field(default_factory=dict)

    @property
    def labels(self) -> LabelSet:
        """The label set, as the table itself defines it."""
        return LabelSet(self.label_set, self.classes)

    @property
    def value_columns(self) -> tuple[str, ...]:
        """Columns of all heads, in the order of the table."""
        further = (column for name, spec in self.heads.items() for column in spec.columns(name))
        return (*self.labels.logit_columns, *ATTRIBUTES, *further)

    def never_trained(self, head: str) -> bool:
        """Return whether a head, of an ensemble that of every member, is recorded to have kept its first weights."""
        return never_trained(self.provenance, head)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; without further heads nothing is said of them."""
        # a list, since the keys of a JSON object are sorted
        fields = {**asdict(self), "heads": [{"name": name, **spec.to_dict()} for name, spec in self.heads.items()]}
        return {key: value for key, value in fields.items() if key != "heads" or value}

    @staticmethod
    def read(path: Path) -> "PredictionsMetadata":
        """Read the metadata of a table alone.

        Raises:
            PredictionsError: the file is missing or is no prediction table.
        """
        if path.suffix.lower() == ".csv":
            return _from_csv(path).metadata
        with open_parquet(path, PredictionsError, "predictions", _REMEDY, "do") as file:
            return _read_metadata(file.schema_arrow.metadata or {}, path)


@dataclass(frozen=True, eq=False)
class Predictions:
    """A checked prediction table.

    Args:
        frame: columns as in the module's text; the columns of a head that the system does not have are null
            throughout, all others have no null.
        metadata: provenance of the table.
    """

    frame: pd.DataFrame
    metadata: PredictionsMetadata

    @staticmethod
    def build(
        utterance_ids: Sequence[str],
        file_names: Sequence[str],
        splits: Sequence[str | None],
        logits: npt.ArrayLike | None,
        attributes: npt.ArrayLike | None,
        metadata: PredictionsMetadata,
        heads: Mapping[str, npt.ArrayLike] = MappingProxyType({}),
    ) -> "Predictions":
        """Make a table from arrays, in the order given.

        Args:
            utterance_ids: `(N,)`, unique.
            file_names: `(N,)`, the published file names.
            splits: `(N,)`, null where unknown.
            logits: `(N, C)` in the order of `metadata.classes`, or None without a category head.
            attributes: `(N, 3)` arousal, valence, dominance on 1–7, or None without an attribute head.
            metadata: provenance of the table.
            heads: further head → `(N, outputs)`, the heads of `metadata`.

        Raises:
            PredictionsError: an id repeats, a shape does not fit, or a value is NaN or infinite (names the rows).
        """
        rows = len(utterance_ids)
        columns: dict[str, Any] = dict(zip(KEYS, (list(utterance_ids), list(file_names), list(splits)), strict=True))
        further = ((spec.columns(name), heads.get(name)) for name, spec in metadata.heads.items())
        for names, values in ((metadata.labels.logit_columns, logits), (ATTRIBUTES, attributes), *further):
            table = np.full((rows, len(names)), np.nan) if values is None else np.asarray(values, np.float32)
            if table.shape != (rows, len(names)):
                raise PredictionsError(
                    "predictions have the wrong shape", found=table.shape, allowed=(rows, len(names))
                )
            bad = np.flatnonzero(~np.isfinite(table).all(axis=1))
            if values is not None and len(bad):
                shown = [columns["utterance_id"][row] for row in bad[:_SHOWN]]
                raise PredictionsError(f"predictions of {len(bad)} utterances are not finite", found=shown)
            columns |= {name: table[:, position].astype(np.float32) for position, name in enumerate(names)}
        predictions = Predictions(pd.DataFrame(columns), metadata)
        validate(predictions, "predictions")
        return predictions

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def labels(self) -> LabelSet:
        """The label set of the logits."""
        return self.metadata.labels

    @property
    def has_categories(self) -> bool:
        """True when the system has a category head."""
        return self.has(self.labels.logit_columns[0])

    def has(self, column: str) -> bool:
        """Return True when the system has a head that fills `column`; an empty table has none."""
        return bool(self.frame[column].notna().any())

    def logits(self) -> npt.NDArray[np.float64]:
        """Return the logits, `(N, C)` in the order of the classes.

        Raises:
            PredictionsError: the system has no category head.
        """
        if not self.has_categories:
            raise PredictionsError(f"system {self.metadata.system!r} predicts no categories")
        return self.frame[list(self.labels.logit_columns)].to_numpy(np.float64)

    def probabilities(self) -> npt.NDArray[np.float64]:
        """Return the softmax of `logits`, `(N, C)` in the order of the classes, rows summing to 1."""
        return softmax(self.logits())

    def attributes(self) -> npt.NDArray[np.float64]:
        """Return `(N, 3)` arousal, valence, dominance on 1–7; a column without a head is NaN."""
        return self.frame[list(ATTRIBUTES)].to_numpy(np.float64, na_value=np.nan)

    def head(self, name: str) -> npt.NDArray[np.float64]:
        """Return the outputs of a further head of the metadata: logits `(N, classes)`, or values `(N, 1)`."""
        return self.frame[list(self.metadata.heads[name].columns(name))].to_numpy(np.float64, na_value=np.nan)

    def write(self, path: Path) -> None:
        """Validate and write the table; the same table gives the same bytes.

        Args:
            path: `.parquet`, which every command reads; or `.csv` for people and spreadsheets, see `write_readable`.

        Raises:
            PredictionsError: a column or suffix is wrong, an id repeats, or a head has values for some utterances only.
        """
        validate(self, str(path))
        if path.suffix == ".csv":
            shares = self.probabilities() if self.has_categories else None
            write_readable(path, self.frame, KEYS, self.labels, shares)
            return
        if path.suffix not in TABLE_SUFFIXES:
            raise PredictionsError(f"predictions are not written as {path.name}", allowed=TABLE_SUFFIXES)
        fields = {"kind": _KIND, "schema_version": SCHEMA_VERSION, **self.metadata.to_dict()}
        metadata = {_METADATA_KEY: json.dumps(fields, sort_keys=True, ensure_ascii=False).encode()}
        schema = schema_of(self.metadata)
        arrays = [pa.array(self.frame[item.name], type=item.type, from_pandas=True) for item in schema]
        table = pa.Table.from_arrays(arrays, schema=schema.with_metadata(metadata))
        with atomic_path(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    @staticmethod
    def read(path: Path) -> "Predictions":
        """Read a table, or the CSV of another program, see `predictions.csv.read_foreign`.

        Raises:
            PredictionsError: the file is missing, is no prediction table, or holds unusable values.
        """
        if path.suffix.lower() == ".csv":
            return _from_csv(path)
        table = read_parquet(path, PredictionsError, "predictions", _REMEDY, verb="do")
        metadata = _read_metadata(table.schema.metadata or {}, path)
        frame = table.replace_schema_metadata(None).to_pandas()
        predictions = Predictions(frame, metadata)
        validate(predictions, str(path))
        return predictions


def schema_of(metadata: PredictionsMetadata) -> pa.Schema:
    """Return the columns of a prediction table."""
    values = [pa.field(name, pa.float32()) for name in metadata.value_columns]
    return pa.schema([*(pa.field(name, pa.string(), nullable=name == "split") for name in KEYS), *values])


def validate(predictions: Predictions, source: str) -> None:
    """Check columns, ids and values, see `check_frame`."""
    metadata = predictions.metadata
    heads = [metadata.labels.logit_columns, *(spec.columns(name) for name, spec in metadata.heads.items())]
    check_frame(predictions.frame, KEYS, metadata.value_columns, heads, source)


def _from_csv(path: Path) -> Predictions:
    found = read_foreign(path)
    labels = found.labels or CHALLENGE
    provenance = {"csv": path.name, **({"by_file": True} if found.by_file else {})}
    metadata = PredictionsMetadata(labels.name, labels.classes, path.stem, provenance=provenance)
    logits = None if found.probabilities is None else np.log(np.maximum(found.probabilities, _LEAST))
    return Predictions.build(found.ids, found.file_names, found.splits, logits, found.attributes, metadata)


def _read_metadata(raw: dict[bytes, bytes], path: Path) -> PredictionsMetadata:
    source = f"metadata of predictions {path}"
    fields = read_object(raw.get(_METADATA_KEY, b"{}"), source, PredictionsError)
    if fields.pop("kind", None) != _KIND:
        raise PredictionsError(f"{path} is not a prediction table", remedy="make one with: vibespeaker predict")
    version = fields.pop("schema_version", None)
    if version != SCHEMA_VERSION:
        remedy = "predict again with this version of vibespeaker"
        problem = f"predictions {path} have another schema version"
        raise PredictionsError(problem, found=version, allowed=str(SCHEMA_VERSION), remedy=remedy)
    policy, heads = fields.get("label_policy"), fields.get("heads") or []
    if not fits(policy, dict[str, str] | None) or not fits(heads, list[dict[str, Any]]):
        raise PredictionsError(f"{source} are damaged", found=f"label_policy {policy}, heads {heads}")
    if policy is not None:
        fields["label_policy"] = LabelPolicy().changed(policy)
    fields["heads"] = {
        str(spec.get("name")): HeadSpec.from_dict(
            {key: value for key, value in spec.items() if key != "name"}, f"{source}: head", PredictionsError
        )
        for spec in heads
    }
    return stored_as(PredictionsMetadata, fields, source, PredictionsError)
