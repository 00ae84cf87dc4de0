import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression

from vibespeaker.calibration.reliability import calibration_error, negative_log_likelihood
from vibespeaker.calibration.scaling import TEMPERATURES, fit_attribute, fit_categories
from vibespeaker.errors import ConfigError, PredictionsError
from vibespeaker.files.stored_fields import stored_as
from vibespeaker.metrics import concordance


def drawn(logits, seed=0):
    """Classes drawn from the softmax of the logits."""
    shares = softmax(logits, axis=1).cumsum(axis=1)
    return (np.random.default_rng(seed).random((len(logits), 1)) > shares).sum(axis=1)


LOGITS = np.random.default_rng(1).normal(0, 1.5, (6000, 4))
TRUE = drawn(LOGITS)


def test_temperature_finds_how_overconfident_a_system_is():
    scaling = fit_categories(LOGITS * 3, TRUE, "temperature")
    assert scaling.temperature == pytest.approx(3, rel=0.05)
    assert len(set(scaling.scale)) == 1
    assert set(scaling.shift) == {0.0}
    assert calibration_error(softmax(scaling(LOGITS * 3), axis=1), TRUE) < 0.02
    np.testing.assert_array_equal(scaling(LOGITS * 3).argmax(axis=1), LOGITS.argmax(axis=1))


def test_temperature_is_the_minimum_of_the_likelihood():
    scaling = fit_categories(LOGITS * 2, TRUE)
    losses = [
        negative_log_likelihood(softmax(LOGITS * 2 / (scaling.temperature * factor), axis=1), TRUE)
        for factor in (0.97, 1.0, 1.03)
    ]
    assert losses[1] == min(losses)


def test_vector_scaling_finds_scale_and_shift():
    distorted = (LOGITS - [0.5, -0.5, 0.0, 0.0]) / [0.5, 1.0, 2.0, 1.0]
    scaling = fit_categories(distorted, TRUE, "vector")
    np.testing.assert_allclose(scaling.scale, [0.5, 1.0, 2.0, 1.0], rtol=0.1)
    np.testing.assert_allclose(scaling.shift, [0.5, -0.5, 0.0, 0.0], atol=0.1)
    assert sum(scaling.shift) == pytest.approx(0)


def test_a_system_without_errors_and_a_class_without_utterances_stay_finite():
    perfect = fit_categories(np.eye(3) * 5, [0, 1, 2])
    assert TEMPERATURES[0] <= perfect.temperature <= TEMPERATURES[1]
    absent = fit_categories(LOGITS, np.minimum(TRUE, 2), "vector")
    assert np.isfinite(absent.shift).all()
    assert softmax(absent(LOGITS), axis=1)[:, 3].mean() < 0.02


def test_linear_is_least_squares():
    rng = np.random.default_rng(0)
    predicted = rng.uniform(3, 5, 500)
    true = 2 * predicted - 4 + rng.normal(0, 0.3, 500)
    reference = LinearRegression().fit(predicted[:, None], true).predict(predicted[:, None])
    np.testing.assert_allclose(fit_attribute(predicted, true, "linear")(predicted), reference)


def test_moments_reach_the_correlation():
    rng = np.random.default_rng(0)
    predicted = rng.normal(4.5, 0.1, 2000)
    true = 4 + 3 * (predicted - 4.5) + rng.normal(0, 0.3, 2000)
    mapped = fit_attribute(predicted, true, "moments")(predicted)
    assert concordance(true, mapped) == pytest.approx(np.corrcoef(true, predicted)[0, 1], abs=1e-9)
    assert concordance(true, mapped) > concordance(true, fit_attribute(predicted, true, "linear")(predicted))
    assert mapped.mean() == pytest.approx(true.mean())
    assert mapped.std() == pytest.approx(true.std())


def test_isotonic_equals_scikit_learn():
    rng = np.random.default_rng(0)
    predicted = rng.uniform(1, 7, 300).round(1)  # with ties
    true = np.clip(predicted + rng.normal(0, 1, 300), 1, 7)
    reference = IsotonicRegression(out_of_bounds="clip").fit(predicted, true)
    mapped = fit_attribute(predicted, true, "isotonic")
    np.testing.assert_allclose(mapped(np.linspace(0, 8, 81)), reference.predict(np.linspace(0, 8, 81)), atol=1e-9)
    assert len(mapped.predicted) < len(np.unique(predicted))


@pytest.mark.parametrize("method", ["linear", "moments", "isotonic"])
def test_constant_predictions_map_to_the_mean(method):
    np.testing.assert_allclose(fit_attribute([4, 4, 4], [2, 3, 4], method)([1, 4, 7]), 3)


@pytest.mark.parametrize("method", ["linear", "moments", "isotonic"])
def test_results_stay_in_range_and_in_order(method):
    mapped = fit_attribute([3.9, 4.0, 4.1], [1, 4, 7], method)(np.linspace(1, 7, 50))
    assert mapped.min() >= 1
    assert mapped.max() <= 7
    assert (np.diff(mapped) >= 0).all()


def test_missing_values_stay_missing():
    assert np.isnan(fit_attribute([3, 5], [2, 6])([np.nan])).all()


def test_round_trip():
    scaling, mapped = fit_categories(LOGITS, TRUE, "vector"), fit_attribute([1, 2, 3], [2, 2, 5], "isotonic")
    for one in (scaling, mapped):
        stored = json.loads(json.dumps(asdict(one)))
        assert stored_as(type(one), stored, "calibration", PredictionsError) == one


def test_refusals():
    with pytest.raises(ConfigError, match="temperature, vector"):
        fit_categories(LOGITS, TRUE, "platt")
    with pytest.raises(ConfigError, match="linear, moments, isotonic"):
        fit_attribute([1], [1], "cubic")
    with pytest.raises(PredictionsError, match="no utterance"):
        fit_categories(np.empty((0, 4)), [])
    with pytest.raises(PredictionsError, match="no utterance"):
        fit_attribute([], [])
