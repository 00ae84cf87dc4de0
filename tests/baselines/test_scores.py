"""The area under the curve, averaged over classes."""

import numpy as np
import pytest

from vibespeaker.baselines.scores import mean_area


def test_pairs_in_order_are_counted_for_each_class_that_is_there():
    category = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1, 0.0], [0.4, 0.6, 0.0], [0.5, 0.5, 0.0], [0.2, 0.8, 0.0]])
    # of four pairs of utterances three stand in order for either class; nobody is of the third
    assert mean_area(category, probabilities) == pytest.approx(0.75)
    assert np.isnan(mean_area(np.zeros(3, int), probabilities[:3]))
