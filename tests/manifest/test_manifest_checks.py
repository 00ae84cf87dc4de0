"""What a manifest's rows must hold: every column that can be wrong, wherever a manifest is read."""

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.manifests import manifest_from
from vibespeaker.errors import ConfigError, ManifestError
from vibespeaker.manifest import Manifest
from vibespeaker.manifest.checks import check_ids


def foreign(path: Path, **columns: pa.Array) -> Path:
    """Write a manifest as another program might: three rows, some columns replaced, nothing checked."""
    manifest_from({"name": ["a", "b", "c"], "category": "anger", "arousal": 3.0, "duration": 1.0}).write(path)
    table = pq.read_table(path)
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, values)
    pq.write_table(table, path)
    return path


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("arousal", [1.0, math.inf, 7.0], r"arousal is out of range in 1 row\. Found: inf in \S*b\. Allowed: 1–7"),
        ("valence", [99.0, -5.0, None], r"valence is out of range in 2 rows\. Found: 99.0 in \S*a, -5.0 in \S*b\."),
        ("dominance", [math.nan, 4.0, 0.99], r"dominance is out of range in 2 rows\. Found: nan in \S*a, 0.99"),
        ("duration", [math.nan, 0.0, -1.0], r"duration is out of range in 2 rows\. .* a finite number, at least 0"),
        ("start", [None, -0.5, math.inf], r"start is out of range in 2 rows"),
        ("channel", [0, 1, None], r"channel is out of range in 1 row\. Found: 0 in \S*a"),
        ("snr_db", [math.nan, 1.0, None], r"snr_db is out of range in 1 row\. Found: nan"),
        ("category", ["anger", "happines", None], r"category is unknown in 1 row\. Found: happines in \S*b\. Allowed"),
        ("arousal", ["1", "two", "3"], r"column arousal has the wrong type\. Found: string\. Allowed: float"),
        ("text", [1, 2, 3], None),
        ("utterance_id", ["x", None, "y"], r"column utterance_id has 1 missing values"),
        ("utterance_id", ["x", "", "y"], r"1 rows have no utterance id\. Found: row 2\."),
        ("utterance_id", ["x", "y", "x"], r"repeats utterance ids\. Found: 1, e\.g\. x\."),
        ("votes", [1, 2, 3], r"column votes has the wrong type"),
        ("votes", [[{"arousal": math.inf}], [], [{"arousal": 2.0}, {"arousal": math.nan}]], r"votes\.arousal is not"),
    ],
)
def test_a_wrong_row_is_named_when_a_manifest_is_read(tmp_path, column, values, message):
    path = foreign(tmp_path / "m.parquet", **{column: pa.array(values)})
    if message is None:
        assert Manifest.read(path).column(column) == [str(value) for value in values]
        return
    with pytest.raises(ManifestError, match=message):
        Manifest.read(path)
    if "repeats" not in message and "no utterance id" not in message:
        with pytest.raises(ManifestError, match=message.partition(r"\.")[0]):
            list(Manifest.scan(path, [column]))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (b"{", "is damaged"),
        (b"[1]", "is damaged. Found: list"),
        (b"\xff\xfe", "is damaged"),
        ({"label_set": 3}, "label_set is of another type. Found: 3. Allowed: str"),
        ({"corpora": "toy"}, "corpora is of another type"),
        ({"synthetic": "no"}, "synthetic is of another type"),
        ({"colour": "red"}, "has unknown fields. Found: colour"),
        ({"root": ...}, "lacks root"),
    ],
)
def test_damaged_and_foreign_metadata_are_one_sentence(tmp_path, metadata, message):
    path = foreign(tmp_path / "m.parquet")
    table = pq.read_table(path)
    if isinstance(metadata, dict):
        changed = {**json.loads(table.schema.metadata[b"vibespeaker"]), **metadata}
        metadata = json.dumps({key: value for key, value in changed.items() if value is not ...}).encode()
    pq.write_table(table.replace_schema_metadata({b"vibespeaker": metadata}), path)
    with pytest.raises(ManifestError, match=message):
        Manifest.read(path)


def test_an_unknown_label_set_is_refused(tmp_path):
    path = foreign(tmp_path / "m.parquet")
    table = pq.read_table(path)
    fields = {**json.loads(table.schema.metadata[b"vibespeaker"]), "label_set": "colours"}
    pq.write_table(table.replace_schema_metadata({b"vibespeaker": json.dumps(fields).encode()}), path)
    with pytest.raises(ConfigError, match="colours"):
        Manifest.read(path)


def test_repeats_are_found_across_chunks_whatever_their_length_and_only_they():
    random = np.random.default_rng(0)
    ids = ["ü" * int(length) + str(i) for i, length in enumerate(random.integers(0, 30, 2000))]
    distinct = pa.chunked_array([pa.array(ids[:700]), pa.array(["unseen", *ids[700:]])[1:], pa.array([], pa.string())])
    check_ids(pa.table({"utterance_id": distinct}), Path("m"))
    twice = pa.chunked_array([*distinct.chunks, pa.array([ids[5], "new", ids[1999]])])
    with pytest.raises(ManifestError, match=r"repeats utterance ids\. Found: 2, e\.g\. ") as caught:
        check_ids(pa.table({"utterance_id": twice}), Path("m"))
    assert ids[5] in str(caught.value)
    assert ids[1999] in str(caught.value)
