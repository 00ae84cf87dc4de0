"""Normed pooling: batch statistics while training, the training split's afterwards."""

import pytest
import torch

from tests.models.conftest import make_frames
from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError
from vibespeaker.models import AttentiveStatisticsPooling, MeanPooling, NormedPooling


def frames_of(*means: float) -> Frames:
    """One frame per utterance, two values: the mean, and the mean a hundredfold."""
    return Frames(torch.tensor([[[mean, 100 * mean]] for mean in means]), torch.ones(len(means), dtype=torch.int64))


def test_training_standardises_by_the_batch_by_hand():
    pooled = NormedPooling(2, MeanPooling).train()(frames_of(1.0, 3.0))
    assert pooled.tolist() == [[pytest.approx(-1, abs=1e-4)] * 2, [pytest.approx(1, abs=1e-4)] * 2]


def test_evaluation_uses_running_statistics_whatever_the_batch():
    pooling = NormedPooling(2, MeanPooling)
    pooling.norm.running_mean = torch.tensor([2.0, 200.0])
    pooling.norm.running_var = torch.tensor([4.0, 40_000.0])
    alone = pooling.eval()(frames_of(4.0))
    together = pooling(frames_of(4.0, 9.0))
    assert torch.allclose(alone, torch.ones(1, 2), atol=1e-4)
    assert torch.equal(together[:1], alone)


def test_constant_parts_vanish():
    torch.manual_seed(0)
    frames = make_frames([5, 9, 4, 7], 6)
    shifted = Frames(frames.values + 50.0 * frames.mask()[:, :, None], frames.lengths)
    pooling = NormedPooling(6, MeanPooling).train()
    assert torch.allclose(pooling(frames), pooling(shifted), atol=1e-3)


def test_default_is_attentive():
    pooling = NormedPooling(6)
    assert isinstance(pooling.pooling, AttentiveStatisticsPooling)
    assert pooling.output_dim == 12


def test_odd_values_count_as_the_limit():
    pooling = NormedPooling(2, MeanPooling, limit=3.0).eval()
    assert pooling(frames_of(9.0)).tolist() == [[3.0, 3.0]]
    assert NormedPooling(2, MeanPooling).eval()(frames_of(9.0))[0, 0] > 8.9
    with pytest.raises(ConfigError, match="limit"):
        NormedPooling(2, MeanPooling, limit=0.0)
