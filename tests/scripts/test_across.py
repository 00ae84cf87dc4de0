"""Benchmark across corpora: who learns what, and answers in the classes that both have."""

from pathlib import Path

import numpy as np
import pytest

from tests.scripts.miniature import miniature

from real_speech.across import APART, BOTH, ELSEWHERE, LABELS, Together, answers_of  # isort: skip

from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions, PredictionsMetadata
from vibespeaker.prepare.label_map import read_label_map

SHARED = read_label_map(LABELS).labels.classes


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Together:
    folder = tmp_path_factory.mktemp("across")
    corpora = (miniature("ravdess", folder / "ravdess", 16), miniature("emodb", folder / "emodb", 14))
    found = Together(corpora, folder / BOTH)
    found.prepare()
    return found


def _rows(path: Path, split: str | None, column: str) -> list[str]:
    read = Manifest.read(path)
    return [value for value, own in zip(read.column(column), read.column("split"), strict=True) if own == split]


def test_only_shared_classes_are_left(together):
    read = Manifest.read(together.manifest)
    assert set(read.column("category")) == set(SHARED)
    assert len(read) == 16 * 16 * 6 / 8 + 10 * 14 * 6 / 7


def test_one_corpus_learns_without_the_other(together):
    folds = together.folds("emodb")
    assert list(folds) == ["1", "2", "3", "4", ELSEWHERE]
    tested = []
    for name in "1234":
        assert set(_rows(folds[name], "train", "corpus")) == set(_rows(folds[name], "test", "corpus")) == {"emodb"}
        assert not set(_rows(folds[name], "train", "speaker")) & set(_rows(folds[name], "test", "speaker"))
        tested += _rows(folds[name], "test", "utterance_id")
    assert sorted(tested) == sorted(_rows(folds[ELSEWHERE], "train", "utterance_id"))
    assert set(_rows(folds[ELSEWHERE], "test", "corpus")) == {"ravdess"}


@pytest.mark.parametrize("trained_on", [BOTH, APART])
def test_both_leave_out_speakers_of_both(together, trained_on):
    folds = together.folds(trained_on)
    assert list(folds) == ["1", "2", "3", "4"]
    for path in folds.values():
        assert set(_rows(path, "test", "corpus")) == {"ravdess", "emodb"}
        assert not set(_rows(path, "train", "speaker")) & set(_rows(path, "test", "speaker"))
    labels = set(_rows(folds["1"], "train", "category"))
    own = {f"{corpus}-{name}" for corpus in ("emodb", "ravdess") for name in SHARED}
    assert labels == (set(SHARED) if trained_on == BOTH else own)


def test_answers_are_those_of_the_corpus_in_shared_classes(together, tmp_path):
    read = Manifest.read(together.folds(APART)["1"])
    ids = _rows(together.folds(APART)["1"], "test", "utterance_id")
    classes = tuple(read.metadata.label_set.removeprefix("own:").split(","))
    logits = np.tile(np.arange(len(classes), dtype=float), (len(ids), 1))
    metadata = PredictionsMetadata(read.metadata.label_set, classes, "both")
    Predictions.build(ids, ids, ["test"] * len(ids), logits, None, metadata).write(tmp_path / "1.parquet")
    found = Predictions.read(answers_of({"1": tmp_path / "1.parquet"}, "ravdess", False, tmp_path / "own.parquet"))
    assert set(found.frame["utterance_id"]) == {name for name in ids if name.startswith("ravdess/")}
    assert found.labels.classes == SHARED
    expected = [classes.index(f"ravdess-{name}") for name in SHARED]
    assert found.logits()[0].tolist() == expected
