"""The encoders that need no download hear on a GPU what they hear on the processor."""

import numpy as np
import pytest
import torch

from tests.sounds import speech_like
from vibespeaker import Recognizer
from vibespeaker.config_files import find_config
from vibespeaker.encoders.specs import build_encoders, read_specs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
]
CLIPS = [torch.from_numpy(speech_like(seconds, seed)) for seed, seconds in enumerate((0.3, 1.0, 2.7, 1.9))]


@pytest.mark.parametrize("name", ["descriptors", "functionals", "convolutions", "contours"])
def test_frames_are_those_of_the_processor(name: str) -> None:
    spec = read_specs(find_config("encoders/embedded"))[name]
    expected, found = (build_encoders({name: spec})[name].to(device).eval()(CLIPS) for device in ("cpu", "cuda"))
    assert found.lengths.tolist() == expected.lengths.tolist()
    scale = expected.values.std(dim=(0, 1)) + 1e-6
    difference = ((found.values.cpu() - expected.values).abs() / scale)[expected.mask()]
    assert difference.quantile(0.999) < 2e-2
    assert difference.mean() < 1e-3


def test_the_shipped_model_answers_the_same() -> None:
    samples = np.concatenate([clip.numpy() for clip in CLIPS])
    expected, found = (Recognizer(device=device)(samples, rate=16_000) for device in ("cpu", "cuda"))
    assert expected.probabilities is not None
    assert found.probabilities == pytest.approx(expected.probabilities, abs=1e-3)
