from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import vibespeaker.manifest as manifest_module
from vibespeaker.errors import ConfigError, ManifestError
from vibespeaker.labels import LabelSet
from vibespeaker.manifest import PRIMARY_VOTES, SCHEMA, Manifest, ManifestMetadata, build

VOTE = {"rater": "W1", "primary": "anger", "secondary": ["angry"], "arousal": 6.0, "valence": 2.0, "dominance": None}


def make_manifest() -> Manifest:
    columns = {
        "utterance_id": ["c/a", "c/b", "c/c"],
        "corpus": ["c"] * 3,
        "audio": ["a.wav", "b.wav", "c.wav"],
        "file_name": ["a.wav", "b.wav", "c.wav"],
        "speaker": ["c/1", "c/1", "c/2"],
        "language": ["en"] * 3,
        "split": ["train", None, "test3"],
        "category": ["anger", None, "other"],
        "gender": ["male", None, "female"],
        "arousal": [6.0, None, 1.0],
        "votes": [[VOTE], [], []],
        "fingerprint": [b"\x00\xff", None, b""],
    }
    return build(columns, ManifestMetadata("/data", "challenge", ("c",), history=({"step": "made"},)))


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    manifest = make_manifest()
    manifest.write(path)
    again = Manifest.read(path)
    assert again.table.equals(manifest.table)
    assert again.metadata == manifest.metadata
    assert again.root == Path("/data")
    assert len(again) == 3
    assert again.column("votes")[0] == [VOTE]
    assert again.column("fingerprint") == [b"\x00\xff", None, b""]
    assert again.column("duration") == [None] * 3


def test_the_same_manifest_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_manifest().write(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_missing_texts_are_none_in_a_frame() -> None:
    frame = make_manifest().frame(["split", "category", "arousal"])
    assert frame["split"].tolist() == ["train", None, "test3"]
    assert frame["category"].tolist() == ["anger", None, "other"]
    assert frame["arousal"].isna().tolist() == [False, True, False]


def test_some_columns_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    make_manifest().write(path)
    some = Manifest.read(path, ["speaker", "utterance_id"])
    assert some.table.schema.names == ["speaker", "utterance_id"]
    with pytest.raises(ManifestError, match=r"lacks columns\. Found: \['speakers'\]\. Allowed: utterance_id, corpus"):
        Manifest.read(path, ["speakers"])


def test_a_table_older_than_a_column_reads_it_as_null(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    make_manifest().write(path)
    pq.write_table(pq.read_table(path).drop_columns(["snr_db"]), path)
    assert Manifest.read(path).table.schema.names == SCHEMA.names
    assert Manifest.read(path, ["snr_db", "speaker"]).column("snr_db") == [None] * 3
    pq.write_table(pq.read_table(path).drop_columns(["speaker"]), path)
    with pytest.raises(ManifestError, match=r"lacks columns\. Found: \['speaker'\]"):
        Manifest.read(path)


def test_columns_are_replaced_and_the_step_recorded() -> None:
    manifest = make_manifest()
    changed = manifest.with_columns({"split": ["test"] * 3}, {"step": "split"})
    assert changed.column("split") == ["test"] * 3
    assert [step["step"] for step in changed.metadata.history] == ["made", "split"]
    assert manifest.column("split") == ["train", None, "test3"]
    assert manifest.with_columns({"text": ["x"] * 3}).metadata == manifest.metadata


@pytest.mark.parametrize(("rows", "expected"), [([2, 0], ["c/c", "c/a"]), ([True, False, True], ["c/a", "c/c"])])
def test_rows_are_selected_by_number_or_truth(rows: list[int] | list[bool], expected: list[str]) -> None:
    assert make_manifest().select(rows).column("utterance_id") == expected


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("utterance_id", ["c/a", "c/b", "c/a"], r"repeats utterance ids\. Found: 1, e\.g\. c/a\."),
        ("speaker", ["c/1", None, "c/2"], "column speaker has 1 missing values"),
        ("split", ["dev", None, None], r"split is unknown in 1 row\. Found: dev in c/a\. Allowed: train, validation"),
        (
            "category",
            ["angry", "sad", None],
            r"category is unknown in 2 rows\. Found: angry in c/a, sad in c/b\. Allowed: anger",
        ),
        ("gender", ["m", None, None], r"gender is unknown in 1 row\. Found: m in c/a\. Allowed: female, male"),
    ],
)
def test_a_wrong_manifest_is_not_written(tmp_path: Path, column: str, values: list[str], message: str) -> None:
    path = tmp_path / "m.parquet"
    # null is kept from a column that allows none by Arrow's own field, so the check is ours
    table = make_manifest().table
    position = SCHEMA.get_field_index(column)
    wrong = table.set_column(position, pa.field(column, pa.string()), pa.array(values, pa.string()))
    with pytest.raises(ManifestError, match=message):
        replace(make_manifest(), table=wrong).write(path)
    assert not path.exists()


def test_an_unknown_label_set_is_not_written(tmp_path: Path) -> None:
    manifest = make_manifest()
    wrong = replace(manifest, metadata=replace(manifest.metadata, label_set="chalenge"))
    with pytest.raises(ConfigError, match="Found: chalenge"):
        wrong.write(tmp_path / "m.parquet")


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    with pytest.raises(ManifestError, match=r"does not exist.*vibespeaker prepare FORMAT PATH --out FILE"):
        Manifest.read(path)
    path.write_bytes(b"PAR1 but not really")
    with pytest.raises(ManifestError, match="is not a Parquet file"):
        Manifest.read(path)
    pq.write_table(pa.table({"utterance_id": ["a"]}), path)
    with pytest.raises(ManifestError, match="is not a VibeSpeaker manifest"):
        Manifest.read(path)
    make_manifest().write(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ManifestError, match="is not a Parquet file"):
        Manifest.read(path)


def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    manifest = make_manifest()
    replace(manifest, metadata=replace(manifest.metadata, schema_version=99)).write(path)
    with pytest.raises(ManifestError, match=r"another schema version\. Found: 99\. Allowed: 1\. Remedy: prepare it"):
        Manifest.read(path)


def test_the_file_lists_the_classes_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.parquet"
    made = make_manifest().with_columns({"category": ["high", None, "low"]})
    manifest = replace(made, metadata=replace(made.metadata, label_set="own:low,high"))
    manifest.write(path)
    assert b'"classes": ["low", "high"]' in pq.read_schema(path).metadata[b"vibespeaker"]
    assert Manifest.read(path).metadata == manifest.metadata
    monkeypatch.setattr("vibespeaker.manifest.label_set", lambda name: LabelSet(name, ("high", "low")))
    with pytest.raises(ManifestError, match=r"written with other classes of label set 'own:low,high'"):
        Manifest.read(path)


def test_codes_are_positions_in_the_distinct_values() -> None:
    columns = {"utterance_id": ["a", "b", "c", "d"], "category": ["fear", None, "anger", "fear"]}
    codes, values = build(columns, ManifestMetadata(root=".", label_set="challenge")).codes("category")
    assert codes.tolist() == [0, -1, 1, 0]
    assert values == ["fear", "anger"]


def test_primary_votes_name_their_rows() -> None:
    votes = [[{"primary": "fear"}, {"primary": None}], [], None, [{"primary": "anger"}]]
    manifest = build(
        {"utterance_id": ["a", "b", "c", "d"], "votes": votes}, ManifestMetadata(root=".", label_set="challenge")
    )
    for each in (manifest, manifest.select([0, 1, 2, 3])):
        rows, codes, values = each.primary_votes()
        assert (rows.tolist(), codes.tolist(), values) == ([0, 0, 3], [0, -1, 1], ["fear", "anger"])
    assert [array.tolist() for array in manifest.select([3]).primary_votes()[:2]] == [[0], [0]]
    assert [list(array) for array in manifest.select([1]).primary_votes()] == [[], [], []]


def test_a_manifest_is_scanned_in_pieces_that_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest_module, "_GROUP_ROWS", 2)
    columns = {name: ["x"] * 5 for name in ("corpus", "audio", "file_name", "speaker", "language")}
    columns |= {"utterance_id": list("abcde"), "votes": [[{"rater": "r", "primary": "anger"}], [], None, [], []]}
    written = build(columns, ManifestMetadata("/", "challenge"))
    written.write(tmp_path / "m.parquet")
    pieces = list(Manifest.scan(tmp_path / "m.parquet"))
    assert [len(piece) for piece in pieces] == [2, 2, 1]
    assert pa.concat_tables([piece.table for piece in pieces]).equals(written.table)
    assert Manifest.read(tmp_path / "m.parquet").table.equals(written.table)
    written.select(np.zeros(0, np.int64)).write(tmp_path / "empty.parquet")
    assert [len(piece) for piece in Manifest.scan(tmp_path / "empty.parquet")] == [0]


def test_only_the_raters_primary_emotions_are_read_where_they_are_asked_for(tmp_path: Path) -> None:
    columns = {name: ["x", "y"] for name in ("utterance_id", "corpus", "audio", "file_name", "speaker", "language")}
    votes = [[{"rater": "r", "primary": "anger", "arousal": 3.0}, {"rater": "s", "primary": None}], []]
    written = build({**columns, "votes": votes}, ManifestMetadata("/", "challenge"))
    written.write(tmp_path / "m.parquet")
    read = Manifest.read(tmp_path / "m.parquet", ("split", PRIMARY_VOTES))
    assert read.column("votes") == [[{"primary": "anger"}, {"primary": None}], []]
    assert [list(part) for part in read.primary_votes()] == [list(part) for part in written.primary_votes()]
