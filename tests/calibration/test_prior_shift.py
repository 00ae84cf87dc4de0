import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from vibespeaker.calibration.prior_shift import (
    balanced_macro_f1,
    class_frequencies,
    estimate_prior,
    shift_prior,
    tune_offsets,
    uniform,
)
from vibespeaker.metrics import softmax


def bayes(seed, count, prior, source):
    """Utterances of two overlapping classes and a third, with the exact log-posterior under `source`."""
    rng = np.random.default_rng(seed)
    means = np.array([[0, 0], [1.5, 0], [0, 1.5]])
    true = rng.choice(3, size=count, p=prior)
    seen = means[true] + rng.normal(size=(count, 2))
    logits = -0.5 * ((seen[:, None] - means) ** 2).sum(axis=2) + np.log(source)
    return logits, true


def test_shift_by_hand():
    posterior = softmax(shift_prior(np.log([[0.8, 0.2]]), [0.8, 0.2], [0.5, 0.5]))
    np.testing.assert_allclose(posterior, [[0.5, 0.5]])
    posterior = softmax(shift_prior(np.log([[0.5, 0.5]]), [0.5, 0.5], [0.9, 0.1]))
    np.testing.assert_allclose(posterior, [[0.9, 0.1]])


@given(st.integers(0, 99))
def test_shift_there_and_back_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    logits, (source, target) = rng.normal(size=(5, 4)), rng.dirichlet([1] * 4, size=2) + 1e-3
    np.testing.assert_allclose(shift_prior(shift_prior(logits, source, target), target, source), logits)


def test_uniform_prior_helps_a_balanced_test():
    source = np.array([0.9, 0.05, 0.05])
    logits, true = bayes(0, 3000, uniform(3), source)
    assert balanced_macro_f1(shift_prior(logits, source, uniform(3)), true) > balanced_macro_f1(logits, true) + 0.2


def test_estimated_prior_is_that_of_the_data():
    source, actual = np.array([0.7, 0.2, 0.1]), np.array([0.2, 0.5, 0.3])
    logits, true = bayes(1, 20_000, actual, source)
    found = estimate_prior(logits, source)
    assert found.converged
    assert found.prior.sum() == pytest.approx(1)
    np.testing.assert_allclose(found.prior, np.bincount(true) / len(true), atol=0.015)


def test_one_round_by_hand():
    # posteriors (0.8, 0.2) and (0.4, 0.6) under the source (0.5, 0.5): the first round yields their mean
    found = estimate_prior(np.log([[0.8, 0.2], [0.4, 0.6]]), [0.5, 0.5], rounds=1)
    np.testing.assert_allclose(found.prior, [0.6, 0.4])
    assert not found.converged


def test_estimate_without_utterances_is_the_source():
    found = estimate_prior(np.empty((0, 2)), [0.7, 0.3])
    np.testing.assert_allclose(found.prior, [0.7, 0.3])


def test_frequencies_have_no_zero():
    shares = class_frequencies([3, 0, 1])
    assert shares.sum() == pytest.approx(1)
    assert shares[1] > 0
    np.testing.assert_allclose(shares, [0.75, 0, 0.25], atol=2e-6)
    np.testing.assert_allclose(class_frequencies([0, 0]), [0.5, 0.5])


def test_balanced_score_equals_scikit_learn_with_weights():
    rng = np.random.default_rng(0)
    logits, true = rng.normal(size=(400, 3)), rng.choice(3, 400, p=[0.7, 0.2, 0.1])
    weights = (1 / np.bincount(true))[true]
    expected = f1_score(true, logits.argmax(axis=1), average="macro", sample_weight=weights)
    assert balanced_macro_f1(logits, true) == pytest.approx(expected)


def test_tuning_finds_the_offset_that_a_skewed_prior_needs():
    source = np.array([0.9, 0.05, 0.05])
    logits, true = bayes(2, 4000, uniform(3), source)
    offsets = tune_offsets(logits, true)
    assert offsets.mean() == pytest.approx(0)
    tuned, bayesian = (
        balanced_macro_f1(values, true) for values in (logits + offsets, shift_prior(logits, source, uniform(3)))
    )
    assert tuned >= bayesian - 0.005
    assert offsets[0] < 0 < offsets[1]


def test_tuning_leaves_what_is_right_alone():
    np.testing.assert_array_equal(tune_offsets(np.eye(3) * 9, [0, 1, 2]), 0)
    np.testing.assert_array_equal(tune_offsets(np.empty((0, 3)), []), 0)
