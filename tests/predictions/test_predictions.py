"""The prediction table: round trip, heads that are absent, and refusals that name file and rows."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vibespeaker.errors import PredictionsError
from vibespeaker.files import file_sha256
from vibespeaker.labels import CHALLENGE_OTHER, EMODB, FOUR
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.metrics import softmax
from vibespeaker.predictions import Predictions, PredictionsMetadata

METADATA = PredictionsMetadata(
    "emodb", EMODB.classes, system="full", checkpoint="c" * 64, provenance={"corpora": ["x"]}
)
IDS = ["emodb/b", "emodb/a"]


def table(logits="random", attributes="random", ids=IDS, metadata=METADATA) -> Predictions:
    generator = np.random.default_rng(0)
    if isinstance(logits, str):
        logits = generator.normal(size=(len(ids), len(metadata.classes)))
    if isinstance(attributes, str):
        attributes = generator.uniform(1, 7, (len(ids), 3))
    names = [f"{name}.wav" for name in ids]
    return Predictions.build(ids, names, ["test", None], logits, attributes, metadata)


def test_round_trip_keeps_order_values_and_metadata(tmp_path):
    written = table()
    written.write(tmp_path / "p.parquet")
    read = Predictions.read(tmp_path / "p.parquet")
    assert read.metadata == METADATA
    assert list(read.frame["utterance_id"]) == IDS
    assert read.frame["split"].isna().tolist() == [False, True]
    np.testing.assert_array_equal(read.logits(), written.logits())
    np.testing.assert_array_equal(read.attributes(), written.attributes())


def test_the_same_table_gives_the_same_bytes(tmp_path):
    for name in ("a.parquet", "b.parquet"):
        table().write(tmp_path / name)
    assert file_sha256(tmp_path / "a.parquet") == file_sha256(tmp_path / "b.parquet")


def test_columns_are_those_of_the_contract():
    assert list(table().frame.columns) == [
        *("utterance_id", "file_name", "split"),
        *(f"logit_{emotion}" for emotion in EMODB.classes),
        *("arousal", "valence", "dominance"),
    ]


def test_probabilities_are_the_softmax_in_class_order():
    logits = np.log([[1, 2, 3, 4, 5, 6, 7], [1, 1, 1, 1, 1, 1, 1]])
    probabilities = table(logits=logits).probabilities()
    assert probabilities[0].tolist() == pytest.approx(list(np.arange(1, 8) / 28))
    assert probabilities.sum(axis=1).tolist() == pytest.approx([1, 1])


def test_softmax_of_huge_logits_is_finite():
    assert softmax(np.array([[1e9, 0.0]])).tolist() == [[1.0, 0.0]]


def test_absent_heads_are_null(tmp_path):
    table(attributes=None).write(tmp_path / "categories.parquet")
    table(logits=None).write(tmp_path / "attributes.parquet")
    categories = Predictions.read(tmp_path / "categories.parquet")
    attributes = Predictions.read(tmp_path / "attributes.parquet")
    assert categories.has_categories
    assert not categories.has("arousal")
    assert np.isnan(categories.attributes()).all()
    assert not attributes.has_categories
    with pytest.raises(PredictionsError, match=r"'full' predicts no categories"):
        attributes.probabilities()


def test_not_finite_values_are_refused_by_utterance():
    values = np.full((2, 3), 4.0)
    values[1, 2] = np.nan
    with pytest.raises(PredictionsError, match=r"1 utterances are not finite.*emodb/a"):
        table(attributes=values)
    with pytest.raises(PredictionsError, match=r"2 utterances are not finite.*emodb/b"):
        table(attributes=np.full((2, 3), np.nan))


def test_wrong_shapes_are_refused():
    with pytest.raises(PredictionsError, match=r"wrong shape. Found: \(2, 6\). Allowed: 2, 7"):
        table(logits=np.zeros((2, 6)))


def test_repeated_ids_are_refused():
    with pytest.raises(PredictionsError, match=r"repeat utterance ids. Found: .'emodb/a'"):
        table(ids=["emodb/a", "emodb/a"])


def rewritten(path, change) -> None:
    original = pq.read_table(path)
    frame = change(original.to_pandas())
    pq.write_table(
        pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(original.schema.metadata), path
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="valence"), "wrong columns"),
        (lambda frame: frame[frame.columns[::-1]], "wrong columns"),
        (lambda frame: frame.assign(valence=[4.0, np.inf]), "valence is not finite in 1 rows. Found: .'emodb/a'"),
        (lambda frame: frame.assign(logit_fear=[1.0, None]), "logit_fear is not finite in 1 rows"),
        (
            lambda frame: frame.assign(logit_fear=np.array([np.nan, np.nan])),
            "some classes have no logits. .*logit_fear",
        ),
        (lambda frame: frame.assign(file_name=["a.wav", None]), "file_name is missing. Found: rows .1."),
        (lambda frame: pd.concat([frame, frame]), "repeat utterance ids"),
    ],
)
def test_damaged_tables_are_refused_by_file_and_row(tmp_path, change, message):
    path = tmp_path / "damaged.parquet"
    table().write(path)
    rewritten(path, change)
    with pytest.raises(PredictionsError, match=f"damaged.parquet.*{message}"):
        Predictions.read(path)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(PredictionsError, match=r"nothing.parquet do not exist.*vibespeaker predict"):
        Predictions.read(tmp_path / "nothing.parquet")
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(PredictionsError, match=r"text.parquet is not a Parquet file"):
        Predictions.read(tmp_path / "text.parquet")
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(PredictionsError, match=r"other.parquet is not a prediction table"):
        Predictions.read(tmp_path / "other.parquet")


def test_another_schema_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("vibespeaker.predictions.SCHEMA_VERSION", 99)
    table().write(tmp_path / "p.parquet")
    monkeypatch.undo()
    with pytest.raises(PredictionsError, match=r"another schema version. Found: 99. Allowed: 1"):
        Predictions.read(tmp_path / "p.parquet")


def test_an_empty_table_is_legal(tmp_path):
    empty = Predictions.build([], [], [], None, None, PredictionsMetadata("challenge+other", CHALLENGE_OTHER.classes))
    empty.write(tmp_path / "p.parquet")
    assert len(Predictions.read(tmp_path / "p.parquet")) == 0


def test_further_heads_stand_behind_the_usual_columns_in_their_order(tmp_path: Path) -> None:
    heads = {
        "tone": HeadSpec("multilabel", "votes.secondary", ("warm", "tense")),
        "age": HeadSpec("regression", "duration", low=0.0, high=100.0),
        "gender": HeadSpec("classification", "gender", ("male", "female"), {"m": "male", "x": None}),
    }
    plain = PredictionsMetadata("four", FOUR.classes)
    ids, files, splits = ["a", "b"], ["a.wav", "b.wav"], ["test", None]
    further = {"tone": [[1, 2], [3, 4]], "age": [[5], [6]]}
    table = Predictions.build(ids, files, splits, np.zeros((2, 4)), None, replace(plain, heads=heads), further)
    table.write(tmp_path / "table.parquet")
    read = Predictions.read(tmp_path / "table.parquet")
    usual = list(Predictions.build(ids, files, splits, np.zeros((2, 4)), None, plain).frame)
    expected = ["head.tone.warm", "head.tone.tense", "head.age", "head.gender.male", "head.gender.female"]
    assert list(read.frame) == [*usual, *expected]
    assert read.metadata == table.metadata
    assert read.head("tone").tolist() == [[1, 2], [3, 4]]
    assert not read.has("head.gender.male")  # declared, but not given
    half = read.frame.assign(**{"head.gender.male": np.float32(0)})
    with pytest.raises(PredictionsError, match=r"some classes have no logits.*head\.gender\.female"):
        Predictions(half, read.metadata).write(tmp_path / "bad.parquet")
    gap = read.frame.assign(**{"head.age": [1.0, np.nan]})
    with pytest.raises(PredictionsError, match=r"head\.age is not finite in 1 rows.*b"):
        Predictions(gap, read.metadata).write(tmp_path / "bad.parquet")


def test_without_further_heads_a_table_says_nothing_of_them(tmp_path: Path) -> None:
    metadata = PredictionsMetadata("four", FOUR.classes)
    Predictions.build(["a"], ["a.wav"], [None], np.zeros((1, 4)), None, metadata).write(tmp_path / "table.parquet")
    stored = json.loads(pq.read_schema(tmp_path / "table.parquet").metadata[b"vibespeaker"])
    assert sorted(stored) == [
        *(
            "cache",
            "checkpoint",
            "classes",
            "kind",
            "label_policy",
            "label_set",
            "manifest",
            "provenance",
            "schema_version",
        ),
        *("synthetic", "system"),
    ]


def test_csv_holds_the_chosen_class_and_probabilities(tmp_path: Path) -> None:
    made = table()
    made.frame.loc[0, "file_name"] = "=HYPERLINK(1).wav"
    made.write(tmp_path / "p.csv")
    read = pd.read_csv(tmp_path / "p.csv")
    assert read["file_name"][0] == "'=HYPERLINK(1).wav"
    shares = read[[f"probability_{name}" for name in made.labels.classes]].to_numpy()
    np.testing.assert_allclose(shares, made.probabilities(), atol=1e-6)
    assert read["category"].tolist() == [made.labels.classes[best] for best in shares.argmax(axis=1)]
    np.testing.assert_allclose(read["arousal"], made.frame["arousal"], atol=1e-5)
    assert not [name for name in read if name.startswith("logit_")]
    with pytest.raises(PredictionsError, match=r"not written as p\.txt.*\.parquet, \.csv"):
        made.write(tmp_path / "p.txt")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (b"{", "is damaged"),
        ({"classes": 7}, "classes is of another type"),
        ({"classes": ...}, "lacks classes"),
        ({"schema_version": ...}, "another schema version"),
        ({"colour": "red"}, "unknown fields. Found: colour"),
        ({"label_policy": 3}, "are damaged"),
        (
            {"heads": [{"name": "gender", "kind": "guess", "column": "gender"}]},
            "kind is of another type. Found: 'guess'",
        ),
        ({"heads": ["gender"]}, "are damaged"),
        ({"provenance": [1]}, "provenance is of another type"),
    ],
)
def test_damaged_and_foreign_metadata_are_one_sentence(tmp_path, metadata, message):
    path = tmp_path / "p.parquet"
    table().write(path)
    read = pq.read_table(path)
    if isinstance(metadata, dict):
        changed = {**json.loads(read.schema.metadata[b"vibespeaker"]), **metadata}
        metadata = json.dumps({key: value for key, value in changed.items() if value is not ...}).encode()
    pq.write_table(read.replace_schema_metadata({b"vibespeaker": metadata}), path)
    for reader in (Predictions.read, PredictionsMetadata.read):
        with pytest.raises(PredictionsError, match=message):
            reader(path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([7.5, 2.0], r"arousal is out of range in 1 rows\. Found: 7.5 in emodb/b\. Allowed: 1–7"),
        ([2.0, -3.0], r"arousal is out of range"),
        (["high", "low"], r"arousal has the wrong type"),
        ([2.0, None], r"arousal is not finite in 1 rows"),
    ],
)
def test_attributes_of_a_table_lie_within_their_scale(tmp_path, values, message):
    path = tmp_path / "p.parquet"
    table().write(path)
    read = pq.read_table(path)
    position = read.schema.get_field_index("arousal")
    pq.write_table(read.set_column(position, "arousal", pa.array(values)), path)
    with pytest.raises(PredictionsError, match=message):
        Predictions.read(path)
