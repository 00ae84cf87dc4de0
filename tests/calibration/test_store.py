import json
import math
from dataclasses import replace

import numpy as np
import pytest

from vibespeaker.calibration.applying import apply_calibration, conformal_table, write_calibrated, write_conformal
from vibespeaker.calibration.conformal import Conformal
from vibespeaker.calibration.scaling import AttributeMap, CategoryScaling
from vibespeaker.calibration.store import Calibration, FittedOn, calibration_path, find_calibration
from vibespeaker.errors import PredictionsError
from vibespeaker.labels import EMODB
from vibespeaker.predictions import Predictions, PredictionsMetadata

CLASSES = EMODB.classes


@pytest.fixture
def calibration():
    return Calibration(
        label_set="emodb",
        classes=CLASSES,
        checkpoint="c" * 64,
        fitted_on=FittedOn("validation", "m" * 64, 100, 4),
        categories=CategoryScaling("temperature", (0.5,) * 7, (0.0,) * 7),
        prior=(0.4, *[0.1] * 6),
        attributes={"valence": AttributeMap("linear", (1.0, 7.0), (2.0, 5.0))},
        conformal=Conformal(0.9, "lac", 0.7, {"valence": 1.5, "arousal": math.inf}),
    )


def predictions(logits=True, attributes=True, **metadata):
    rng = np.random.default_rng(0)
    return Predictions.build(
        ["a/1", "a/2"],
        ["1.wav", "2.wav"],
        ["test", "test"],
        rng.normal(size=(2, 7)) if logits else None,
        [[1, 1, 1], [4, 4, 4]] if attributes else None,
        PredictionsMetadata("emodb", CLASSES, checkpoint="c" * 64, **metadata),
    )


def test_round_trip_through_json(tmp_path, calibration):
    path = tmp_path / "x.calibration.json"
    calibration.write(path)
    assert Calibration.read(path) == calibration
    assert json.loads(path.read_text())["conformal"]["attributes"]["arousal"] is None
    calibration.write(tmp_path / "again.json")
    assert path.read_bytes() == (tmp_path / "again.json").read_bytes()


def test_apply_by_hand(calibration):
    before = predictions()
    after = apply_calibration(before, calibration)
    np.testing.assert_allclose(after.logits(), before.logits() / 2, rtol=1e-6)
    np.testing.assert_allclose(after.attributes(), [[1, 2, 1], [4, 3.5, 4]])
    assert after.metadata.provenance["calibration"]["fitted_on"]["split"] == "validation"
    assert "calibration" not in before.metadata.provenance


def test_apply_moves_the_prior_after_scaling(calibration):
    before = predictions()
    after = apply_calibration(before, replace(calibration, target_prior=(1 / 7,) * 7))
    moved = before.logits() / 2 + np.log([(1 / 7) / 0.4, *[(1 / 7) / 0.1] * 6])
    np.testing.assert_allclose(after.logits(), moved, rtol=1e-5)


def test_apply_leaves_absent_heads_absent(calibration):
    assert not apply_calibration(predictions(logits=False), calibration).has_categories
    assert not apply_calibration(predictions(attributes=False), calibration).has("valence")


def test_the_calibrated_table_can_be_written(tmp_path, calibration):
    table = apply_calibration(predictions(), calibration)
    table.write(tmp_path / "p.parquet")
    assert Predictions.read(tmp_path / "p.parquet").metadata.provenance["calibration"]["categories"] == "temperature"


def test_sets_and_intervals_by_hand(tmp_path, calibration):
    table = conformal_table(predictions(), calibration)
    assert list(table.columns) == [
        "utterance_id",
        *(f"in_set_{name}" for name in CLASSES),
        "valence_low",
        "valence_high",
    ]
    np.testing.assert_allclose(table[["valence_low", "valence_high"]], [[1, 3.5], [2, 5]])
    probabilities = apply_calibration(predictions(), calibration).probabilities()
    expected = (probabilities >= 0.3) | (probabilities == probabilities.max(axis=1, keepdims=True))
    np.testing.assert_array_equal(table.filter(like="in_set_").to_numpy(), expected)
    write_conformal(predictions(), calibration, tmp_path / "sets.parquet")
    assert (tmp_path / "sets.parquet").is_file()


def test_calibration_lies_beside_its_checkpoint(tmp_path, calibration):
    checkpoint = tmp_path / "best.ckpt"
    assert find_calibration(checkpoint, "c" * 64) is None
    calibration.write(calibration_path(checkpoint))
    assert (tmp_path / "best.calibration.json").is_file()
    assert find_calibration(checkpoint, "c" * 64) == calibration
    with pytest.raises(
        PredictionsError, match=r"best\.calibration\.json belongs to another checkpoint.*calibrate this"
    ):
        find_calibration(checkpoint, "d" * 64)


def test_predictions_are_written_as_a_calibration_says(tmp_path, calibration):
    path = tmp_path / "p.parquet"
    write_calibrated(predictions(), calibration, path)
    np.testing.assert_allclose(Predictions.read(path).attributes(), [[1, 2, 1], [4, 3.5, 4]])
    assert (tmp_path / "p.sets.parquet").is_file()
    write_calibrated(predictions(), None, tmp_path / "q.parquet")
    assert "calibration" not in Predictions.read(tmp_path / "q.parquet").metadata.provenance


def test_what_does_not_fit_is_refused(calibration):
    with pytest.raises(PredictionsError, match="other classes"):
        apply_calibration(predictions(), replace(calibration, classes=CLASSES[::-1]))
    with pytest.raises(PredictionsError, match="another checkpoint"):
        apply_calibration(predictions(), replace(calibration, checkpoint="d" * 64))
    once = apply_calibration(predictions(), calibration)
    with pytest.raises(PredictionsError, match="calibrated already"):
        apply_calibration(once, calibration)
    with pytest.raises(PredictionsError, match="uncalibrated"):
        conformal_table(once, calibration)
    with pytest.raises(PredictionsError, match="no conformal thresholds"):
        conformal_table(predictions(), replace(calibration, conformal=None))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is damaged: it is no JSON"),
        ('{"kind": "manifest"}', "is not a calibration"),
        ('{"kind": "calibration", "schema_version": 99}', "another schema version"),
        ('{"kind": "calibration", "schema_version": 1}', "lacks label_set, classes"),
    ],
)
def test_bad_files_are_refused(tmp_path, text, complaint):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(PredictionsError, match=f"x.json.*{complaint}|x.json {complaint}"):
        Calibration.read(path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"categories": {"method": "temperature", "scale": [float("nan")] * 2, "shift": [0.0] * 2}}, "not finite"),
        ({"categories": {"method": "temperature", "scale": [1.0], "shift": [0.0]}}, "not one number for each of"),
        ({"categories": {"method": "temperature", "scale": [-1.0] * 2, "shift": [0.0] * 2}}, "not positive"),
        ({"categories": {"method": "temperature", "scale": ["1"] * 2, "shift": [0.0] * 2}}, "scale is of another type"),
        ({"prior": [0.5, -0.5]}, "not one number for each of"),
        ({"attributes": {"valence": {"method": "linear", "predicted": [1.0], "calibrated": []}}}, "without images"),
        ({"conformal": {"level": float("nan"), "method": "lac"}}, "are no numbers"),
        ({"conformal": 7}, "conformal is of another type"),
        ({"classes": None}, "classes is of another type"),
    ],
)
def test_numbers_that_cannot_be_are_refused(tmp_path, change, complaint):
    whole = Calibration("challenge", ("anger", "neutral"), None, FittedOn("development", "0" * 64, 10, 2))
    whole.write(tmp_path / "x.json")
    fields = json.loads((tmp_path / "x.json").read_text())
    (tmp_path / "x.json").write_text(json.dumps({**fields, **change}))
    with pytest.raises(PredictionsError, match=complaint):
        Calibration.read(tmp_path / "x.json")
