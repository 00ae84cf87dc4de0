import numpy as np
import pytest
from scipy.stats import dirichlet
from sklearn.metrics import log_loss

from vibespeaker.calibration.reliability import (
    brier_score,
    calibration_error,
    negative_log_likelihood,
    reliability_bins,
    risk_coverage,
)

PROBABILITIES = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.2, 0.8]])
TRUE = np.array([0, 1, 1, 1])


def test_bins_by_hand():
    bins = reliability_bins(PROBABILITIES, TRUE, bins=2)  # all confidences lie above 0.5
    np.testing.assert_array_equal(bins.count, [0, 4])
    assert np.isnan(bins.confidence[0])
    assert bins.confidence[1] == pytest.approx(0.75)
    assert bins.accuracy[1] == pytest.approx(0.75)
    assert bins.error == pytest.approx(0.0)


def test_calibration_error_by_hand():
    # bins of width 0.2: (0.6, one right), (0.7 wrong and 0.8 right), (0.9 right); 0.6 and 0.8 lie on upper edges
    expected = (1 * abs(1 - 0.6) + 2 * abs(0.5 - 0.75) + 1 * abs(1 - 0.9)) / 4
    assert calibration_error(PROBABILITIES, TRUE, bins=5) == pytest.approx(expected)


def test_brier_and_likelihood_by_hand():
    assert brier_score(PROBABILITIES, TRUE) == pytest.approx((2 * 0.01 + 2 * 0.49 + 2 * 0.16 + 2 * 0.04) / 4)
    assert negative_log_likelihood(PROBABILITIES, TRUE) == pytest.approx(log_loss(TRUE, PROBABILITIES))


def test_likelihood_of_an_impossible_class_is_finite():
    assert negative_log_likelihood([[1.0, 0.0]], [1]) == pytest.approx(12 * np.log(10))


def test_no_utterance_has_no_score():
    nothing = np.empty((0, 3))
    scores = [calibration_error, brier_score, negative_log_likelihood]
    assert all(np.isnan(score(nothing, [])) for score in scores)
    coverage, risk = risk_coverage(nothing, [])
    assert len(coverage) == len(risk) == 0


def test_risk_over_coverage_by_hand():
    coverage, risk = risk_coverage(
        PROBABILITIES, TRUE
    )  # order of confidence: 0.9 right, 0.8 right, 0.7 wrong, 0.6 right
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(risk, [0, 0, 1 / 3, 1 / 4])


def test_equal_confidence_shares_its_errors():
    _, risk = risk_coverage([[0.6, 0.4]] * 4, [0, 1, 1, 0])
    np.testing.assert_allclose(risk, 0.5)


def test_probabilities_that_tell_the_truth_have_little_error():
    probabilities = dirichlet.rvs([0.5] * 4, size=20_000, random_state=3)
    rng = np.random.default_rng(0)
    true = (rng.random((20_000, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    assert calibration_error(probabilities, true) < 0.01
    assert calibration_error(probabilities, (true + 1) % 4) > 0.4


def test_shapes_must_fit():
    with pytest.raises(ValueError, match=r"\(N, C\)"):
        brier_score(PROBABILITIES, TRUE[:2])
