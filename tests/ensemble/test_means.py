"""One arithmetic for members, whether they are tables or running networks."""

import numpy as np
import pytest
import torch

from vibespeaker.ensemble.means import check_weights, weighted_mean
from vibespeaker.errors import ConfigError

VALUES = [[1.0, 2.0], [4.0, 8.0], [float("nan"), 0.0]]


def test_the_mean_goes_by_weight_and_leaves_out_what_weighs_nothing():
    arrays = weighted_mean([np.array(value) for value in VALUES], [1, 2, 0])
    assert arrays.tolist() == [3.0, 6.0]
    tensors = weighted_mean([torch.tensor(value) for value in VALUES], [1, 2, 0])
    assert tensors.tolist() == arrays.tolist()


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [2.0, -1.0], [float("nan"), 1.0]])
def test_weights_that_make_no_mean_are_refused(weights):
    with pytest.raises(ConfigError, match=r"weights for valence( must not all be 0|\.\d is out of range)"):
        check_weights(weights, "valence")
