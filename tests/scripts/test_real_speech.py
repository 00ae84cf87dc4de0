"""The benchmark on real speech: folds that share no speaker, canaries that are what they say, scores by hand."""

import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from tests.scripts.miniature import miniature
from vibespeaker.labels import label_set
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions, PredictionsMetadata

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from real_speech.functionals import _fit, _Space, predict_fold
from real_speech.scores import chance, compared, fold_uar, pool, score


def _part(path: Path, split: str | None, column: str = "speaker") -> list[str]:
    read = Manifest.read(path)
    return [value for value, part in zip(read.column(column), read.column("split"), strict=True) if part == split]


@pytest.mark.parametrize(("name", "count", "left_out"), [("ravdess", 4, 4), ("emodb", 10, 1)])
def test_folds_share_no_speaker_and_cover_all(name, count, left_out, tmp_path):
    corpus = miniature(name, tmp_path)
    folds = corpus.folds()
    tests = [_part(path, "test", "utterance_id") for path in folds.values()]
    assert len(folds) == count
    assert sorted(chain.from_iterable(tests)) == Manifest.read(corpus.manifest).column("utterance_id")
    for path in folds.values():
        assert len(set(_part(path, "test"))) == left_out
        assert not set(_part(path, "test")) & set(_part(path, "train"))


def test_ravdess_folds_are_the_actors_of_the_reference(tmp_path):
    folds = miniature("ravdess", tmp_path).folds()
    assert list(folds) == ["01-04", "05-08", "09-12", "13-16"]
    assert set(_part(folds["05-08"], "test")) == {"ravdess/05", "ravdess/06", "ravdess/07", "ravdess/08"}


@pytest.mark.parametrize("name", ["ravdess", "emodb"])
def test_inner_folds_never_see_the_left_out_part_and_try_nothing_twice(name, tmp_path):
    corpus = miniature(name, tmp_path)
    folds, inner = corpus.folds(), corpus.inner_folds()
    tried = []
    for fold, path in inner.items():
        left_out = set(_part(folds[fold], "test"))
        assert set(_part(path, None)) == left_out
        assert not set(_part(path, "test")) & set(_part(path, "train"))
        tried += _part(path, "test", "utterance_id")
    assert len(set(tried)) == len(tried)


def test_shuffling_changes_the_training_labels_alone(tmp_path):
    corpus = miniature("ravdess", tmp_path)
    for fold, path in corpus.shuffled_folds(1).items():
        plain = corpus.folds()[fold]
        assert _part(path, "test", "category") == _part(plain, "test", "category")
        assert _part(path, "train", "category") != _part(plain, "train", "category")
        assert sorted(_part(path, "train", "category")) == sorted(_part(plain, "train", "category"))


def test_few_clips_are_nested_and_leave_out_the_same_speakers(tmp_path):
    corpus = miniature("ravdess", tmp_path, each=16)
    plain, two, three = corpus.folds(), corpus.few_folds(2, 1), corpus.few_folds(3, 1)
    for fold, path in two.items():
        assert _part(path, "test", "utterance_id") == _part(plain[fold], "test", "utterance_id")
        labels = _part(path, "train", "category")
        assert {name: labels.count(name) for name in labels} == dict.fromkeys(label_set("ravdess").classes, 2)
        assert set(_part(path, "train", "utterance_id")) < set(_part(three[fold], "train", "utterance_id"))
        assert _part(path, "train", "utterance_id") != _part(corpus.few_folds(2, 2)[fold], "train", "utterance_id")


def test_random_folds_train_and_test_the_same_speakers(tmp_path):
    corpus = miniature("emodb", tmp_path, each=20)
    folds = corpus.random_folds(1)
    assert len(folds) == 10
    assert set(_part(folds["0"], "test")) <= set(_part(folds["0"], "train"))
    tests = [_part(path, "test", "utterance_id") for path in folds.values()]
    assert sorted(chain.from_iterable(tests)) == Manifest.read(corpus.manifest).column("utterance_id")


def test_the_machine_learns_from_the_training_speakers_alone(tmp_path):
    corpus = miniature("ravdess", tmp_path, each=8)
    path = corpus.folds()["01-04"]
    read = Manifest.read(path)
    category = np.array([label_set("ravdess").classes.index(name) for name in read.column("category")])
    features = np.random.default_rng(0).normal(0, 0.1, (len(read), 8)).astype(np.float32)
    features[np.arange(len(read)), category] += 1.0
    predict_fold(path, features, tmp_path / "plain.parquet", "svm")
    plain = Predictions.read(tmp_path / "plain.parquet")
    assert score(tmp_path / "plain.parquet", corpus.manifest).scores["uar"].value == 1.0
    assert fold_uar(tmp_path / "plain.parquet", corpus.manifest) == 1.0
    spoilt = features.copy()
    spoilt[_part_rows(read, "test")[0]] = 1e3  # if scaling or fitting saw it, all scores would move
    predict_fold(path, spoilt, tmp_path / "spoilt.parquet", "svm")
    moved = Predictions.read(tmp_path / "spoilt.parquet").logits() != plain.logits()
    assert moved[0].any()
    assert not moved[1:].any()


def test_the_machine_in_the_space_of_its_utterances_is_the_same():
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(0)
    features = random.normal(3, 2, (24, 100)).astype(np.float32)
    features[:, 7] = 0.1  # constant
    category = np.arange(24) % 3
    space, scaler = _Space.of(features[:18]), StandardScaler().fit(features[:18].astype(np.float64))
    assert space(features).shape == (24, 18)
    plain = _fit(scaler.transform(features[:18].astype(np.float64)), category[:18], 0.01)
    expected = plain.decision_function(scaler.transform(features[18:].astype(np.float64)))
    found = _fit(space(features[:18]), category[:18], 0.01).decision_function(space(features[18:]))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def _part_rows(read: Manifest, split: str) -> np.ndarray:
    return np.flatnonzero(np.array(read.column("split")) == split)


def test_pooling_restores_the_manifests_order(tmp_path):
    corpus = miniature("ravdess", tmp_path, each=1)
    ids = Manifest.read(corpus.manifest).column("utterance_id")
    heads = {"main": HeadSpec("classification", "main", ("positive", "negative"))}
    metadata = PredictionsMetadata("ravdess", label_set("ravdess").classes, "svm", heads=heads)
    for name, chosen in (("a.parquet", ids[5:]), ("b.parquet", ids[:5])):
        logits = np.zeros((len(chosen), 8))
        logits[:, 0] = [ids.index(identifier) for identifier in chosen]
        given = (chosen, chosen, ["test"] * len(chosen), logits, None, metadata, {"main": logits[:, :2]})
        Predictions.build(*given).write(tmp_path / name)
    joined = Predictions.read(
        pool([tmp_path / "a.parquet", tmp_path / "b.parquet"], corpus.manifest, tmp_path / "joined.parquet")
    )
    assert list(joined.frame["utterance_id"]) == ids
    assert joined.logits()[:, 0].tolist() == list(range(16))
    assert joined.frame["head.main.positive"].tolist() == list(range(16))


def test_tables_are_compared_speaker_by_speaker(tmp_path):
    corpus = miniature("ravdess", tmp_path, each=8)
    read, classes = Manifest.read(corpus.manifest), label_set("ravdess").classes
    true = np.array([classes.index(name) for name in read.column("category")])
    ids, files = read.column("utterance_id"), read.column("file_name")
    metadata = PredictionsMetadata("ravdess", classes, "svm")
    for name, wrong in (("all", 0), ("one", 8)):  # the second knows nothing of the first speaker
        said = np.where(np.arange(len(true)) < wrong, (true + 1) % 8, true)
        table = Predictions.build(ids, files, ["test"] * len(ids), np.eye(8)[said], None, metadata)
        table.write(tmp_path / f"{name}.parquet")
    same = compared(tmp_path / "all.parquet", tmp_path / "all.parquet", corpus.manifest)
    assert (same.difference.value, same.p_permutation) == (0, 1)
    better = compared(tmp_path / "all.parquet", tmp_path / "one.parquet", corpus.manifest)
    assert better.difference.value == pytest.approx(1 / 16)
    assert better.p_permutation == 1  # one speaker of sixteen: swapping him differs as much, the others by nothing


def test_chance_by_hand():
    guessing, deviation = chance([[50, 50], [0, 25]])
    assert guessing == 0.5
    # recalls of 100 and 25 coin flips: variances 0.0025 and 0.01; the mean of both has a quarter of their sum
    assert deviation == pytest.approx(np.sqrt(0.0125 / 4))
