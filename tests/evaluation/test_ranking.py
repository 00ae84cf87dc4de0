"""Area under the ROC curve and average precision, against scikit-learn and where they are not defined."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from vibespeaker.evaluation.ranking import areas_under_roc, average_precisions, mean_over_classes, ranking_scores
from vibespeaker.evaluation.table_heads import Resampling


@pytest.fixture(scope="module")
def case():
    """90 utterances of three classes with many equal probabilities, and how often each counts."""
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet(np.ones(3), 90).round(1)
    return rng.integers(3, size=90), probabilities, rng.integers(0, 4, (2, 90))


def test_both_equal_the_reference_with_ties_and_weights(case):
    true, probabilities, weights = case
    for ours, theirs in ((areas_under_roc, roc_auc_score), (average_precisions, average_precision_score)):
        expected = [theirs(true == c, probabilities[:, c]) for c in range(3)]
        np.testing.assert_allclose(ours(true, probabilities), expected)
        weighted = [[theirs(true == c, probabilities[:, c], sample_weight=row) for c in range(3)] for row in weights]
        np.testing.assert_allclose(ours(true, probabilities, weights), weighted)
    assert mean_over_classes(areas_under_roc(true, probabilities)) == pytest.approx(
        roc_auc_score(true, probabilities / probabilities.sum(1, keepdims=True), multi_class="ovr"), abs=0.02
    )


def test_pairs_in_order_are_counted():
    probabilities = np.array([[0.9, 0.1, 0.0], [0.4, 0.6, 0.0], [0.5, 0.5, 0.0], [0.2, 0.8, 0.0]])
    # of four pairs of utterances three stand in order for either class; nobody is of the third
    np.testing.assert_allclose(areas_under_roc([0, 0, 1, 1], probabilities), [0.75, 0.75, np.nan])


def test_what_is_undefined_is_no_number():
    probabilities = np.full((4, 2), 0.5)
    assert np.isnan(areas_under_roc([0] * 4, probabilities)).all()  # one class: nothing to tell apart
    np.testing.assert_allclose(average_precisions([0] * 4, probabilities), [1.0, np.nan])
    np.testing.assert_allclose(areas_under_roc([0, 1, 0, 1], probabilities), [0.5, 0.5])  # guessing
    assert np.isnan(areas_under_roc([], np.empty((0, 2)))).all()
    assert np.isnan(mean_over_classes(average_precisions([], np.empty((0, 2)))))


def test_means_have_intervals_over_speakers(case):
    true, probabilities, _ = case
    true = np.where(np.arange(90) < 5, -1, true)  # some have no class
    speakers = np.arange(90) // 9
    found = ranking_scores(true, probabilities, Resampling(speakers, 10, 200, 0, 0.9))
    assert found["auc"].value == pytest.approx(mean_over_classes(areas_under_roc(true[5:], probabilities[5:])))
    assert all(one.low < one.value < one.high for one in found.values())
    without = ranking_scores(true, probabilities, Resampling(speakers, 10, 0, 0, 0.9))
    assert without["map"].value == found["map"].value
    assert np.isnan(without["map"].low)
    nobody = ranking_scores(np.full(90, -1), probabilities, Resampling(speakers, 10, 200, 0, 0.9))
    assert np.isnan([nobody["auc"].value, nobody["map"].value]).all()
