import math

import numpy as np
import pytest
from scipy.special import softmax

from vibespeaker.calibration.conformal import (
    Conformal,
    category_scores,
    category_threshold,
    conformal_quantile,
    interval_coverage,
    set_coverage,
)
from vibespeaker.calibration.store import Calibration, FittedOn
from vibespeaker.errors import ConfigError, PredictionsError

PROBABILITIES = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])


@pytest.mark.parametrize(("count", "level", "rank"), [(9, 0.9, 9), (10, 0.9, 10), (19, 0.9, 18), (4, 0.5, 3)])
def test_quantile_by_hand(count, level, rank):
    assert conformal_quantile(np.arange(count, 0, -1), level) == rank


def test_too_few_utterances_guarantee_nothing():
    assert conformal_quantile(np.arange(8), 0.9) == math.inf
    assert category_threshold(np.arange(8) / 8, 0.9) == 1.0
    assert Conformal(0.9, "lac", 1.0).sets(PROBABILITIES).all()
    low, high = Conformal(0.9, "lac", attributes={"valence": math.inf}).interval("valence", [4.0])
    assert (low[0], high[0]) == (1, 7)


def test_scores_by_hand():
    np.testing.assert_allclose(category_scores(PROBABILITIES, [1, 2], "lac"), [0.7, 0.3])
    np.testing.assert_allclose(category_scores(PROBABILITIES, [1, 0], "aps"), [0.8, 1.0])


def test_sets_by_hand():
    np.testing.assert_array_equal(
        Conformal(0.9, "lac", 0.75).sets(PROBABILITIES), [[True, True, False], [False, False, True]]
    )
    np.testing.assert_array_equal(
        Conformal(0.9, "aps", 0.85).sets(PROBABILITIES), [[True, True, False], [False, False, True]]
    )


def test_no_set_is_empty():
    np.testing.assert_array_equal(Conformal(0.9, "lac", 0.0).sets(PROBABILITIES).sum(axis=1), [1, 1])


@pytest.mark.parametrize("method", ["lac", "aps"])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_nominal_coverage_is_kept_on_new_utterances(method, level):
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 1.5, (8000, 6))
    shares = softmax(logits + rng.normal(0, 0.5, logits.shape), axis=1)  # the system is not the truth
    true = (rng.random((8000, 1)) > softmax(logits, axis=1).cumsum(axis=1)).sum(axis=1)
    threshold = category_threshold(category_scores(shares[:4000], true[:4000], method), level)
    sets = Conformal(level, method, threshold).sets(shares[4000:])
    covered, size = set_coverage(sets, true[4000:])
    assert covered == pytest.approx(level, abs=0.03)
    assert 1 <= size < 6


def test_intervals_keep_their_coverage_and_the_range():
    rng = np.random.default_rng(2)
    predicted = rng.uniform(1, 7, 4000)
    true = np.clip(predicted + rng.standard_t(4, 4000), 1, 7)
    half = conformal_quantile(np.abs(true - predicted)[:2000], 0.9)
    low, high = Conformal(0.9, "lac", attributes={"arousal": half}).interval("arousal", predicted[2000:])
    covered, width = interval_coverage(low, high, true[2000:])
    assert covered == pytest.approx(0.9, abs=0.03)
    assert width < 2 * half
    assert low.min() >= 1
    assert high.max() <= 7


def test_coverage_by_hand():
    assert set_coverage(np.array([[True, True], [False, True]]), [0, 0]) == (0.5, 1.5)
    assert interval_coverage(np.array([1.0, 2.0]), np.array([2.0, 4.0]), [2.0, 5.0]) == (0.5, 1.5)
    assert all(math.isnan(value) for value in set_coverage(np.empty((0, 2), bool), []))


def test_json_round_trip_keeps_infinite_widths(tmp_path):
    fitted = FittedOn("development", "0" * 64, 10, 2)
    conformal = Conformal(0.9, "aps", 0.8, {"valence": math.inf})
    calibration = Calibration("challenge", ("anger", "neutral"), None, fitted, conformal=conformal)
    calibration.write(tmp_path / "c.json")
    assert Calibration.read(tmp_path / "c.json") == calibration


def test_refusals():
    with pytest.raises(ConfigError, match="between 0 and 1"):
        conformal_quantile([1.0], 90)
    with pytest.raises(ConfigError, match="lac, aps"):
        category_scores(PROBABILITIES, [0, 0], "raps")
    with pytest.raises(PredictionsError, match="no prediction sets"):
        Conformal(0.9, "lac").sets(PROBABILITIES)
