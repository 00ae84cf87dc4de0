"""Metrics against hand-computed numbers, scikit-learn and SciPy, and their documented undefined cases."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as reference

from vibespeaker import metrics

# true 0 0 0 1 1 2, predicted 0 0 1 1 0 2, four classes
BY_HAND = [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_confusion_matrix_has_true_rows_and_all_classes():
    assert metrics.confusion_matrix([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 2], 4).tolist() == BY_HAND


@pytest.mark.parametrize("bad", [[-100, 0], [0, 4]])
def test_confusion_matrix_refuses_indices_out_of_range(bad):
    with pytest.raises(ValueError, match=r"0\.\.3"):
        metrics.confusion_matrix([0, 0], bad, 4)


def test_category_scores_by_hand():
    assert metrics.accuracy(BY_HAND) == pytest.approx(4 / 6)
    assert metrics.micro_f1(BY_HAND) == pytest.approx(4 / 6)
    # recalls 2/3, 1/2, 1; the fourth class does not occur
    assert metrics.uar(BY_HAND) == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    # F1 4/6, 2/4, 1 and 0 for the class that never occurs
    assert metrics.f1_scores(BY_HAND).tolist() == pytest.approx([2 / 3, 1 / 2, 1, 0])
    assert metrics.macro_f1(BY_HAND) == pytest.approx((2 / 3 + 1 / 2 + 1) / 4)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_category_scores_equal_scikit_learn(pairs):
    true, predicted = zip(*pairs, strict=True)
    confusion = metrics.confusion_matrix(true, predicted, 5)
    labels = range(5)
    assert (confusion == reference.confusion_matrix(true, predicted, labels=labels)).all()
    expected = reference.f1_score(true, predicted, labels=labels, average="macro", zero_division=0)
    assert metrics.macro_f1(confusion) == pytest.approx(expected)
    assert metrics.micro_f1(confusion) == pytest.approx(reference.f1_score(true, predicted, average="micro"))
    assert metrics.accuracy(confusion) == pytest.approx(reference.accuracy_score(true, predicted))
    present = sorted(set(true))
    recall = reference.recall_score(true, predicted, labels=present, average="macro", zero_division=0)
    assert metrics.uar(confusion) == pytest.approx(recall)


def test_precision_and_recall_are_undefined_where_nothing_is_predicted_or_true():
    confusion = [[3, 0], [2, 0]]
    assert metrics.precisions(confusion)[0] == pytest.approx(0.6)
    assert math.isnan(metrics.precisions(confusion)[1])
    assert math.isnan(metrics.recalls(np.transpose(confusion))[1])


def test_category_scores_of_nothing_are_undefined():
    nothing = np.zeros((3, 3))
    for score in (metrics.accuracy, metrics.uar, metrics.macro_f1, metrics.micro_f1):
        assert math.isnan(score(nothing))


def test_one_class_only():
    confusion = metrics.confusion_matrix([2, 2], [2, 2], 4)
    assert (metrics.accuracy(confusion), metrics.uar(confusion), metrics.macro_f1(confusion)) == (1.0, 1.0, 0.25)


def test_leading_dimensions_are_batch_dimensions():
    matrices = np.random.default_rng(0).integers(0, 5, (2, 3, 4, 4))
    for score in (metrics.accuracy, metrics.uar, metrics.macro_f1, metrics.micro_f1):
        assert score(matrices).shape == (2, 3)
        assert score(matrices)[1, 2] == pytest.approx(float(score(matrices[1, 2])))


def test_concordance_by_hand():
    # means 2 and 7/3, variances 2/3 and 14/9, covariance 1: 2 / (2/3 + 14/9 + 1/9) = 6/7
    assert metrics.concordance([1, 2, 3], [1, 2, 4]) == pytest.approx(6 / 7)
    assert metrics.concordance([1, 2, 3], [1, 2, 3]) == pytest.approx(1)
    assert metrics.concordance([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)


@pytest.mark.parametrize(
    ("true", "predicted"), [([1, 2, 3], [4, 4, 4]), ([5, 5], [1, 2]), ([5, 5], [5, 5]), ([3.3], [3.3]), ([3.3], [6.1])]
)
def test_constants_have_no_concordance_correlation_or_slope(true, predicted):
    assert metrics.concordance(true, predicted) == 0.0
    sums = metrics.moments(true, predicted, centre=4.0)
    assert metrics.pearson_of(sums) == 0.0
    if np.ptp(predicted) == 0:
        assert metrics.calibration_slope_of(sums) == 0.0


def test_attribute_scores_of_nothing_are_undefined():
    assert math.isnan(metrics.concordance([], []))
    for score in (metrics.pearson_of, metrics.rmse_of, metrics.bias_of, metrics.calibration_slope_of):
        assert math.isnan(score(metrics.moments([], [])))


@given(st.integers(0, 2**32 - 1), st.integers(2, 50))
def test_attribute_scores_equal_scipy_and_their_definitions(seed, size):
    generator = np.random.default_rng(seed)
    true, predicted = generator.uniform(1, 7, (2, size))
    sums = metrics.moments(true, predicted, centre=4.0)
    cov = np.mean((true - true.mean()) * (predicted - predicted.mean()))
    ccc = 2 * cov / (true.var() + predicted.var() + (true.mean() - predicted.mean()) ** 2)
    assert metrics.concordance(true, predicted) == pytest.approx(ccc, abs=1e-9)
    assert metrics.concordance_of(sums) == pytest.approx(ccc, abs=1e-9)
    assert metrics.pearson_of(sums) == pytest.approx(stats.pearsonr(true, predicted).statistic, abs=1e-7)
    assert metrics.rmse_of(sums) == pytest.approx(reference.root_mean_squared_error(true, predicted), abs=1e-9)
    assert metrics.bias_of(sums) == pytest.approx(np.mean(predicted - true), abs=1e-9)
    assert metrics.calibration_slope_of(sums) == pytest.approx(stats.linregress(predicted, true).slope, abs=1e-6)


def test_moments_of_parts_add_up():
    true, predicted = np.random.default_rng(1).uniform(1, 7, (2, 20))
    parts = metrics.moments(true[:7], predicted[:7], 4.0) + metrics.moments(true[7:], predicted[7:], 4.0)
    assert metrics.concordance_of(parts) == pytest.approx(metrics.concordance(true, predicted))


def test_moments_refuse_unequal_lengths():
    with pytest.raises(ValueError, match=r"alike"):
        metrics.moments([1, 2], [1])


def test_tables_are_handled_without_deep_learning_libraries():
    modules = ["vibespeaker.submission", "vibespeaker.evaluation.command", "vibespeaker.ensemble"]
    heavy = ["torch", "transformers", "speechbrain", "lightning", "sklearn"]
    check = f"import sys, {', '.join(modules)}; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
