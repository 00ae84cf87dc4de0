"""Fitted classifiers come back from their files as they were, and files hold nothing that is run."""

import hashlib
import io
import pickle
import zipfile

import numpy as np
import pytest

from vibespeaker.baselines.classifiers import CLASSIFIERS
from vibespeaker.baselines.fitting import answering, fit, spread
from vibespeaker.baselines.storing import file_of, read_fitted, write_fitted
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.files import file_sha256

FAST = ("knn", "mlp", "xgboost", "lightgbm", "logistic-regression", "naive-bayes", "decision-tree")


def utterances(count=60, classes=(0, 1, 3)):
    random = np.random.default_rng(1)
    category = random.choice(classes, count)
    features = random.normal(size=(count, 8)).astype(np.float32)
    features[:, 0] += 2 * category
    return features, category, np.arange(count) % 5


@pytest.mark.parametrize("name", FAST)
def test_a_classifier_answers_the_same_from_its_file(name, tmp_path):
    features, category, groups = utterances()
    fitted = fit(name, features, category, groups, seed=0)
    assert fitted.present == (0, 1, 3)
    digest = write_fitted(fitted, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [file_of(name)]
    expected = answering(fitted)(features)
    np.testing.assert_allclose(read_fitted(name, tmp_path, digest)(features), expected, atol=1e-6)
    if name != "knn":  # whose neighbours may be of two minds
        assert (fitted.estimator.predict(features) == expected.argmax(1)).all()


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "naive-bayes"])
def test_two_classes_have_two_probabilities(name, tmp_path):
    features, category, groups = utterances(classes=(1, 2))
    digest = write_fitted(fit(name, features, category, groups, 0), tmp_path)
    found = read_fitted(name, tmp_path, digest)(features)
    assert found.shape == (60, 2)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)
    assert (found.argmax(1) + 1 == category).mean() > 0.8


def test_a_search_compares_settings_on_left_out_speakers():
    features, category, groups = utterances(30)
    assert fit("knn-search", features, category, groups, 0).remarks[0].startswith("searched: ")
    with pytest.raises(ConfigError, match="two or more"):
        fit("knn-search", features, category, np.zeros(30, int), 0)


def test_classes_that_training_did_not_hold_have_no_probability():
    np.testing.assert_array_equal(spread(np.array([[0.4, 0.6]]), (1, 3), 4), [[0, 0.4, 0, 0.6]])
    with pytest.raises(ConfigError, match="one class"):
        fit("knn", np.zeros((4, 2), np.float32), np.zeros(4, int), np.arange(4), 0)


def test_unknown_and_missing_classifiers_are_named(monkeypatch):
    with pytest.raises(ConfigError, match="unknown classifier"):
        fit("svm", *utterances(), 0)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"xgboost.*vibespeaker\[boosting\]"):
        fit("xgboost", *utterances(), 0)


@pytest.mark.parametrize("name", ["naive-bayes", "xgboost", "lightgbm"])
def test_damaged_files_and_other_files_are_refused(name, tmp_path):
    with pytest.raises(CheckpointError, match=file_of(name)):
        read_fitted(name, tmp_path, "")
    digest = write_fitted(fit(name, *utterances(), 0), tmp_path)
    path = tmp_path / file_of(name)
    for content in (b"", path.read_bytes()[:-200], b"{}", b"[]", pickle.dumps({"a": 1})):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="not the classifier that was written"):
            read_fitted(name, tmp_path, digest)


@pytest.mark.parametrize("name", ["naive-bayes", "xgboost", "lightgbm"])
@pytest.mark.parametrize("content", [b"", b"{}", b'{"learner": 1}', b"[1]", b"\0" * 100])
def test_what_was_never_a_classifier_is_refused(name, content, tmp_path):
    (tmp_path / file_of(name)).write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read as a classifier"):
        read_fitted(name, tmp_path, hashlib.sha256(content).hexdigest())


def test_types_that_are_no_classifiers_are_refused_before_they_are_made(tmp_path):
    write_fitted(fit("naive-bayes", *utterances(), 0), tmp_path)
    path = tmp_path / file_of("naive-bayes")
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    schema = content["schema.json"].decode()
    assert '"GaussianNB"' in schema
    made = schema.replace('"GaussianNB"', '"system"').replace('"sklearn.naive_bayes"', '"os"')
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, value in {**content, "schema.json": made.encode()}.items():
            archive.writestr(name, value)
    path.write_bytes(buffer.getvalue())
    with pytest.raises(CheckpointError, match=r"no classifier.*os\.system"):
        read_fitted("naive-bayes", tmp_path, file_sha256(path))


def test_trees_that_lead_out_of_their_tables_are_refused(tmp_path):
    fitted = fit("decision-tree", *utterances(), 0)
    tree = fitted.estimator.steps[-1][1].tree_
    tree.children_right[0] = 10_000
    digest = write_fitted(fitted, tmp_path)
    with pytest.raises(CheckpointError, match="leads nowhere"):
        read_fitted("decision-tree", tmp_path, digest)


def test_every_classifier_of_the_source_has_its_scores():
    published = {name: one.published for name, one in CLASSIFIERS.items() if one.published}
    assert len(published) == 8
    assert max(published, key=lambda name: published[name][1]) == "knn"
