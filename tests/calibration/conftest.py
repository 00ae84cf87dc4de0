import numpy as np
import pytest

from vibespeaker.calibration.evidence import Evidence
from vibespeaker.metrics import softmax


def make_evidence(seed=0, count=1200, speakers=24, classes=4, sharp=2.5):
    """A system that is `sharp` times too confident and whose attributes spread half as far as the truth."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.2, (count, classes))
    true = (rng.random((count, 1)) > softmax(logits).cumsum(axis=1)).sum(axis=1)
    attributes = np.clip(rng.normal(4, 1, (count, 3)), 1, 7)
    predicted = 4 + 0.4 * (attributes - 4) + rng.normal(0, 0.2, (count, 3))
    who = np.arange(count) % speakers
    return Evidence(sharp * logits, true, predicted, attributes, who, who)


@pytest.fixture
def evidence():
    return make_evidence()
