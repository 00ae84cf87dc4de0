import json
from dataclasses import replace

import numpy as np
import pytest

from tests.manifests import manifest_from
from vibespeaker.calibration.applying import apply_calibration
from vibespeaker.calibration.store import Calibration
from vibespeaker.cli.main import main
from vibespeaker.files import file_sha256
from vibespeaker.labels import RAVDESS
from vibespeaker.metrics import softmax
from vibespeaker.predictions import Predictions, PredictionsMetadata

COUNT, CLASSES = 900, RAVDESS.classes


@pytest.fixture
def world(tmp_path):
    """A system twice too confident, trained where the last class was frequent; two splits with other speakers."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (COUNT, 8))
    true = (rng.random((COUNT, 1)) > softmax(logits).cumsum(axis=1)).sum(axis=1)
    attributes = np.clip(rng.normal(4, 1, (COUNT, 3)), 1, 7)
    predicted = np.clip(4.5 + 0.3 * (attributes - 4) + rng.normal(0, 0.2, (COUNT, 3)), 1, 7)
    splits = ["train" if row < 100 else "validation" if row < 500 else "test" for row in range(COUNT)]
    true[:80] = 7
    ids = [f"ravdess/{row:04d}" for row in range(COUNT)]
    columns = {
        "utterance_id": ids,
        "corpus": "ravdess",
        "speaker": [f"ravdess/{splits[row]}{row % 9}" for row in range(COUNT)],
        "split": splits,
        "category": [CLASSES[index] for index in true],
        **{name: attributes[:, i].tolist() for i, name in enumerate(("arousal", "valence", "dominance"))},
    }
    manifest = manifest_from(columns, str(tmp_path), "ravdess", synthetic=True)
    manifest.write(tmp_path / "manifest.parquet")
    (tmp_path / "best.ckpt").write_bytes(b"weights")
    metadata = PredictionsMetadata(
        "ravdess", CLASSES, "sure", checkpoint=file_sha256(tmp_path / "best.ckpt"), synthetic=True
    )
    table = Predictions.build(ids, ids, splits, 2 * logits, predicted, metadata)
    table.write(tmp_path / "p.parquet")
    return tmp_path


def run(world, command, *options, table="p.parquet"):
    return main([command, str(world / table), "--manifest", str(world / "manifest.parquet"), *options])


def test_calibrate_writes_beside_the_checkpoint_and_shows_what_it_brings(world, capsys):
    options = ["--checkpoint", str(world / "best.ckpt"), "--test-split", "test", "--scores", str(world / "s.json")]
    assert run(world, "calibrate", *options) == 0
    calibration = Calibration.read(world / "best.calibration.json")
    assert calibration.categories.temperature == pytest.approx(2, rel=0.15)
    assert calibration.checkpoint == file_sha256(world / "best.ckpt")
    assert (calibration.fitted_on.split, calibration.fitted_on.utterances) == ("validation", 400)
    assert calibration.fitted_on.speakers == 9
    scores = json.loads((world / "s.json").read_text())
    assert list(scores) == [
        "validation, as predicted",
        "validation, unseen speakers",
        "test, as predicted",
        "test, calibrated",
    ]
    before, after = scores["test, as predicted"], scores["test, calibrated"]
    assert after["ece"] < 0.08 < 0.15 < before["ece"]
    assert after["macro_f1"] == before["macro_f1"]
    assert after["rmse_valence"] < before["rmse_valence"]
    assert after["coverage_categories"] == pytest.approx(0.9, abs=0.05)
    assert after["coverage_arousal"] == pytest.approx(0.9, abs=0.05)
    shown = capsys.readouterr().out
    assert "Categories of sure (synthetic speech)" in shown
    assert "Valence of sure (synthetic speech)" in shown


def test_calibrate_twice_gives_the_same_file(world):
    for name in ("a.json", "b.json"):
        run(world, "calibrate", "--out", str(world / name), "--categories", "vector", "--attributes", "isotonic")
    assert (world / "a.json").read_bytes() == (world / "b.json").read_bytes()


def test_calibrate_to_a_uniform_prior(world):
    run(world, "calibrate", "--out", str(world / "c.json"), "--target-prior", "uniform", "--test-split", "test")
    calibration = Calibration.read(world / "c.json")
    np.testing.assert_allclose(calibration.target_prior, 1 / 8)
    moved = apply_calibration(Predictions.read(world / "p.parquet"), calibration)
    assert moved.metadata.provenance["fitted"]["split"] == "validation"
    assert moved.metadata.provenance["calibration"]["prior"] == calibration.target_prior


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--split", "train", "--out", "x.json"], "may not be fitted on this split. Found: train. Allowed: validation"),
        (["--split", "test", "--out", "x.json"], "may not be fitted on this split"),
        ([], "nowhere to write"),
        (["--out", "x.json", "--test-split", "validation"], "400 utterances would be judged by a calibration"),
        (["--out", "x.json", "--split", "development"], "no predictions of split 'development'"),
        (["--checkpoint", "none.ckpt"], "none.ckpt does not exist"),
        (["--out", "x.json", "--level", "90"], "above 0 and below 1"),
    ],
)
def test_calibrate_refuses(world, monkeypatch, capsys, options, complaint):
    monkeypatch.chdir(world)
    assert run(world, "calibrate", *options) == 2
    assert complaint in capsys.readouterr().err
    assert not (world / "x.json").exists()


def test_calibrate_refuses_another_checkpoint_and_calibrated_tables(world, capsys):
    (world / "other.ckpt").write_bytes(b"others")
    assert run(world, "calibrate", "--checkpoint", str(world / "other.ckpt")) == 2
    assert "were not made by" in capsys.readouterr().err
    run(world, "calibrate", "--out", str(world / "c.json"))
    table = apply_calibration(Predictions.read(world / "p.parquet"), Calibration.read(world / "c.json"))
    table.write(world / "calibrated.parquet")
    assert run(world, "calibrate", "--out", str(world / "d.json"), table="calibrated.parquet") == 2
    assert "calibrated already" in capsys.readouterr().err


def test_prior_writes_and_shows_what_each_does(world, capsys):
    assert run(world, "prior", "--split", "test", "--out", str(world / "uniform.parquet")) == 0
    before, after = Predictions.read(world / "p.parquet"), Predictions.read(world / "uniform.parquet")
    assert len(after) == 400
    change = after.logits() - before.logits()[500:]
    np.testing.assert_allclose(change, change[:1].repeat(400, axis=0), atol=1e-5)
    assert change[0].argmin() == 7  # the class that was frequent in training
    assert after.metadata.provenance["prior"]["source"] == "train"
    shown = capsys.readouterr().out
    for word in ("as predicted", "uniform", "estimated", "offsets", "balanced macro f1"):
        assert word in shown


def test_prior_estimated_from_unlabelled_predictions(world):
    run(world, "prior", "--split", "test", "--target", "estimated", "--out", str(world / "e.parquet"))
    record = Predictions.read(world / "e.parquet").metadata.provenance["prior"]
    assert sum(record["to"]) == pytest.approx(1)
    assert record["from"][7] > 0.8  # 80 of 100 training utterances, and some of the others
    assert record["to"][7] < 0.2


def test_prior_refuses(world, capsys):
    assert run(world, "prior", "--source", "podcast") == 2
    assert "Found: podcast. Allowed: uniform, train" in capsys.readouterr().err
    assert run(world, "prior", "--source", "test3") == 2
    assert "no labelled utterance of split 'test3'" in capsys.readouterr().err
    run(world, "prior", "--out", str(world / "u.parquet"))
    capsys.readouterr()
    assert run(world, "prior", "--out", str(world / "v.parquet"), table="u.parquet") == 2
    assert "adjusted to another prior already" in capsys.readouterr().err


def test_a_table_without_categories_is_refused_by_prior(world, capsys):
    table = Predictions.read(world / "p.parquet")
    frame = table.frame.copy()
    frame[list(table.labels.logit_columns)] = np.nan
    replace(table, frame=frame).write(world / "attributes.parquet")
    assert run(world, "prior", table="attributes.parquet") == 2
    assert "predicts no categories" in capsys.readouterr().err
