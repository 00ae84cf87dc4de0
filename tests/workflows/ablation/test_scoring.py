import numpy as np
import pytest

from tests.manifests import manifest_of
from vibespeaker.labels import ATTRIBUTES, label_set
from vibespeaker.manifest import Manifest
from vibespeaker.metrics import concordance
from vibespeaker.predictions import Predictions, PredictionsMetadata
from vibespeaker.workflows.ablation.plan import ScoredSplit, Selection
from vibespeaker.workflows.ablation.scoring import as_frame, score_variant

CLASSES = ("anger", "fear", "neutral")


@pytest.fixture
def scored(tmp_path):
    """Six test clips of two corpora and predictions of a system of three classes."""
    truth = [("a", "anger"), ("a", "anger"), ("a", "fear"), ("b", "anger"), ("b", "fear"), ("b", "calm")]
    rows = [
        {"corpus": corpus, "name": str(n), "category": emotion, "split": "test", "speaker": f"{corpus}/{n % 2}"}
        for n, (corpus, emotion) in enumerate(truth)
    ]
    manifest = manifest_of(rows, label_set="seven+neutral")
    manifest.write(tmp_path / "m.parquet")
    # neutral wins the third clip unless it is left out; the fourth is taken for fear
    logits = np.array([[2, 1, 0], [2, 1, 0], [0, 1, 2], [0, 2, 1], [0, 2, 1], [2, 1, 0]])
    metadata = PredictionsMetadata(",".join(CLASSES), CLASSES, provenance={"leaks": {"speaker": "1 speakers in both"}})
    ids = manifest.column("utterance_id")
    table = Predictions.build(ids, ids, ["test"] * 6, logits, None, metadata)
    return table, tmp_path / "m.parquet"


def test_scores_are_over_the_classes_that_system_and_test_share(scored):
    tests = [
        ScoredSplit("all"),
        ScoredSplit("b", Selection(only={"corpus": ["b"]})),
        ScoredSplit("c", Selection(only={"corpus": ["c"]})),
    ]
    everything, of_b, of_c = score_variant("all", *scored, tests, draws=50)
    # calm was never learned, neutral is not in the test: anger and fear are left, and neutral's logit is dropped
    assert everything.classes == ("anger", "fear")
    assert (everything.utterances, everything.speakers) == (5, 4)
    # anger: 2 of 3; fear: 2 of 2
    assert everything.scores["uar"].value == pytest.approx((2 / 3 + 1) / 2)
    assert everything.scores["accuracy"].value == pytest.approx(4 / 5)
    assert everything.scores["macro_f1"].value == pytest.approx((0.8 + 0.8) / 2)
    assert everything.scores["uar"].low <= everything.scores["uar"].value <= everything.scores["uar"].high
    assert of_b.scores["uar"].value == pytest.approx(0.5)
    assert of_c.scores == {}
    assert everything.variant == "all (leaks: speaker)"


def test_the_table_has_one_row_per_cell_and_gaps_where_nothing_was_scored(scored):
    tests = [ScoredSplit("all"), ScoredSplit("none", Selection(only={"corpus": ["c"]}))]
    frame = as_frame(score_variant("v", *scored, tests, draws=0))
    assert frame["tested"].tolist() == ["all", "none"]
    assert frame["uar"].iloc[0] == pytest.approx(0.8333)
    assert np.isnan(frame["uar"].iloc[1])
    assert frame["utterances"].tolist() == [5, 0]


def test_attributes_are_scored_where_system_and_truth_have_them(scored, tmp_path):
    table, manifest = scored
    tests = [ScoredSplit("all")]
    assert "ccc_mean" not in as_frame(score_variant("v", table, manifest, tests, draws=0))
    truth = np.linspace(1, 7, 18).reshape(6, 3)
    known = Manifest.read(manifest).with_columns(dict(zip(ATTRIBUTES, truth.T.tolist(), strict=True)))
    known.write(tmp_path / "known.parquet")
    ids = known.column("utterance_id")
    said = Predictions.build(ids, ids, ["test"] * 6, table.logits(), truth[:, ::-1], table.metadata)
    frame = as_frame(score_variant("v", said, tmp_path / "known.parquet", tests, draws=0))
    rows = slice(0, 5)  # calm is not scored
    expected = np.mean([concordance(truth[rows, i], truth[rows, 2 - i]) for i in range(3)])
    assert frame["ccc_mean"].iloc[0] == pytest.approx(expected, abs=1e-4)


def test_one_class_in_common_can_be_scored(scored):
    cell = score_variant("v", *scored, [ScoredSplit("anger", labels="anger,calm")], draws=0)[0]
    assert cell.classes == ("anger",)
    assert cell.scores["uar"].value == 1.0
    assert label_set("anger,calm").classes == ("anger", "calm")
