from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vibespeaker.batch import EmotionOutput
from vibespeaker.calibration.scaling import AttributeMap, CategoryScaling
from vibespeaker.calibration.store import Calibration, FittedOn
from vibespeaker.provenance import Provenance
from vibespeaker.recognizer.system import Recognizer


def recognized(calibration, logits=True, attributes=True):
    """Predictions for silence of a system with constant answers."""
    output = EmotionOutput(
        torch.tensor([[2.0, 0.0]]) if logits else None, torch.tensor([[4.0, 4.0, 4.0]]) if attributes else None
    )
    provenance = Provenance("two", ("anger", "neutral"))
    system = SimpleNamespace(answer=lambda batch: output, provenance=provenance)
    return Recognizer(system, None, calibration).recognize_samples(np.zeros(16_000, np.float32))


@pytest.fixture
def calibration():
    return Calibration(
        label_set="two",
        classes=("anger", "neutral"),
        checkpoint=None,
        fitted_on=FittedOn("validation", "m", 10, 2),
        categories=CategoryScaling("temperature", (0.5, 0.5), (0.0, 0.0)),
        attributes={"valence": AttributeMap("linear", (1.0, 7.0), (3.0, 7.0))},
    )


def test_one_recording_is_calibrated_as_tables_are(calibration):
    assert recognized(None).probabilities["anger"] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-5)
    after = recognized(calibration)
    assert after.probabilities["anger"] == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-5)
    assert after.attributes == {"arousal": 4.0, "valence": 5.0, "dominance": 4.0}


def test_absent_heads_stay_absent(calibration):
    assert recognized(calibration, logits=False).probabilities is None
    assert recognized(calibration, attributes=False).attributes is None
