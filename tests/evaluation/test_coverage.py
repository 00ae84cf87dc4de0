"""Predictions of half the utterances, of other recordings, from another manifest, by a head that nothing trained."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.manifests import manifest_from
from vibespeaker.ensemble import ensemble
from vibespeaker.errors import PredictionsError
from vibespeaker.evaluation.command import evaluate
from vibespeaker.files import file_sha256
from vibespeaker.labels import CHALLENGE
from vibespeaker.predictions import Predictions, PredictionsMetadata

IDS = [f"{number:02d}" for number in range(16)]


@pytest.fixture
def manifest(tmp_path):
    """Twelve labelled test utterances and two without labels, two of training."""
    columns = {
        "name": IDS,
        "split": ["test"] * 14 + ["train"] * 2,
        "category": ["anger", "sadness"] * 6 + [None, None, "anger", "anger"],
        "speaker": [f"toy/{number % 4}" for number in range(16)],
    }
    path = tmp_path / "manifest.parquet"
    manifest_from(columns).write(path)
    return path


def write(path, rows, **metadata):
    names = [f"{IDS[row]}.wav" for row in rows]
    logits = np.random.default_rng(0).normal(size=(len(rows), len(CHALLENGE)))
    described = PredictionsMetadata(CHALLENGE.name, CHALLENGE.classes, **metadata)
    ids, splits = [f"toy/{IDS[row]}" for row in rows], ["test"] * len(rows)
    Predictions.build(ids, names, splits, logits, None, described).write(path)
    return path


def notes(path, manifest, tmp_path, split=None):
    evaluate([path], manifest=manifest, split=split, draws=0, out=[tmp_path / "scores.json"])
    return json.loads((tmp_path / "scores.json").read_text())["notes"]


@pytest.mark.parametrize("split", [None, "test"])
def test_half_a_table_is_said_beside_the_scores(tmp_path, manifest, capsys, split):
    said = "6 of 12 labelled utterances have no prediction: the scores are of the others"
    assert said in notes(write(tmp_path / "half.parquet", range(6)), manifest, tmp_path, split)
    assert said in " ".join(capsys.readouterr().out.split())
    # those without labels may be missing
    whole = notes(write(tmp_path / "whole.parquet", range(12)), manifest, tmp_path, split)
    assert not [note for note in whole if "no prediction" in note]


def test_another_manifest_is_said_and_other_recordings_are_refused(tmp_path, manifest):
    same = write(tmp_path / "same.parquet", range(12), manifest=file_sha256(manifest))
    other = write(tmp_path / "other.parquet", range(12), manifest="a" * 64)
    assert not [note for note in notes(same, manifest, tmp_path) if "another manifest" in note]
    assert [note for note in notes(other, manifest, tmp_path) if "another manifest (aaaaaaaaaaaa)" in note]
    table = Predictions.read(other)
    table.frame.loc[3, "file_name"] = "else.wav"
    table.write(other)
    with pytest.raises(PredictionsError, match=r"1 in all\. Found: toy/03 is else\.wav, there 03\.wav"):
        notes(other, manifest, tmp_path)
    with pytest.raises(PredictionsError, match="other recordings"):
        ensemble([same, other], tmp_path / "together.parquet")


def test_a_head_that_nothing_trained_is_said(tmp_path, manifest):
    path = write(tmp_path / "p.parquet", range(12), provenance={"trained_heads": ["attributes"]})
    assert [note for note in notes(path, manifest, tmp_path) if "head categories was never trained" in note]
    table = Predictions.read(path)
    members = [{"provenance": {"trained_heads": ["attributes"]}}, {"provenance": {}}]
    for number, expected in ((1, True), (2, False)):
        provenance = {"ensemble": {"members": members[:number]}}
        assert replace(table.metadata, provenance=provenance).never_trained("categories") is expected
