"""Predictions that other programs made, read wherever a table is taken."""

import numpy as np
import pandas as pd
import pytest

from tests.evaluation.example import write_manifest, write_predictions
from vibespeaker.ensemble import ensemble
from vibespeaker.errors import PredictionsError
from vibespeaker.evaluation import Evaluation
from vibespeaker.evaluation.command import evaluate
from vibespeaker.labels import CHALLENGE, LETTER_OF
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions


@pytest.fixture
def ours(tmp_path):
    """A table of our own beside its manifest, and the same predictions in the columns of another program."""
    write_manifest(tmp_path / "manifest.parquet")
    write_predictions(tmp_path / "ours.parquet", Manifest.read(tmp_path / "manifest.parquet").frame(), seed=0)
    table = Predictions.read(tmp_path / "ours.parquet")
    shares = {LETTER_OF[name]: table.probabilities()[:, i] for i, name in enumerate(CHALLENGE.classes)}
    values = {name: table.attributes()[:, i] for i, name in enumerate(("EmoAct", "EmoVal", "EmoDom"))}
    return tmp_path, table, pd.DataFrame({"FileName": table.frame["file_name"], **shares, **values})


def test_a_csv_by_letters_and_file_names_scores_as_the_table_does(ours):
    folder, _, theirs = ours
    theirs.iloc[::-1].to_csv(folder / "theirs.csv", index=False)
    paths = [folder / "ours.parquet", folder / "theirs.csv"]
    evaluate(paths, manifest=folder / "manifest.parquet", draws=0, by=["none"], out=[folder / "e.json"])
    _, one, two = Evaluation.read(folder / "e.json").systems
    assert (one.system, two.system) == ("full", "theirs")
    for score in ("macro_f1", "uar", "ccc_valence"):
        assert two.scores[score].value == pytest.approx(one.scores[score].value, abs=1e-6)


def test_it_joins_an_ensemble(ours):
    folder, table, theirs = ours
    renamed = {LETTER_OF[name]: f"probability_{name}" for name in CHALLENGE.classes}
    theirs.rename(columns=renamed).to_csv(folder / "theirs.csv", index=False)
    ensemble([folder / "ours.parquet", folder / "theirs.csv"], folder / "both.parquet")
    both = Predictions.read(folder / "both.parquet")
    np.testing.assert_allclose(both.probabilities(), table.probabilities(), atol=1e-6)
    np.testing.assert_allclose(both.attributes(), table.attributes(), atol=1e-5)


def test_what_we_write_as_csv_is_read_again(ours):
    folder, table, _ = ours
    table.write(folder / "again.csv")
    again = Predictions.read(folder / "again.csv")
    assert list(again.frame["utterance_id"]) == list(table.frame["utterance_id"])
    assert list(again.frame["split"]) == list(table.frame["split"])
    np.testing.assert_allclose(again.probabilities(), table.probabilities(), atol=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("utterance_id,angry,sad\nc/1,0.7,0.2\n", r"probabilities of 1 rows do not add up to 1\. Found: c/1: 0\.900"),
        ("utterance_id,angry,sad\nc/1,1.5,-0.5\n", "do not add up to 1"),
        ("utterance_id,angry,sad\nc/1,0.7,much\n", r"sadness is no number in 1 cells\. Found: c/1: 'much'"),
        ("utterance_id,angry,anger\nc/1,0.7,0.3\n", "class:anger twice"),
        ("name,angry,sad\nc/1,0.7,0.3\n", "utterance_id or file_name"),
        ("utterance_id,arousal\nc/1,3\n", "neither probabilities of classes nor all three attributes"),
        ("", "cannot be read as CSV"),
    ],
)
def test_wrong_files_are_refused_by_column_and_row(tmp_path, text, message):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(PredictionsError, match=message):
        Predictions.read(tmp_path / "p.csv")


def test_an_unknown_file_name_is_named(ours):
    folder, _, theirs = ours
    theirs.assign(FileName=["nowhere.wav", *theirs["FileName"][1:]]).to_csv(folder / "theirs.csv", index=False)
    with pytest.raises(PredictionsError, match=r"1 file names are unknown\. Found: nowhere\.wav"):
        evaluate([folder / "theirs.csv"], manifest=folder / "manifest.parquet", draws=0, by=["none"])
