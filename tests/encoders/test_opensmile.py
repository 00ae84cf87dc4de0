"""openSMILE's features as an encoder: its own numbers, finite for whatever is handed in."""

import pickle
import sys

import numpy as np
import pytest
import torch

from vibespeaker.encoders import OpenSmileFunctionals
from vibespeaker.errors import ConfigError


def test_values_are_opensmiles_own_and_finite():
    opensmile = pytest.importorskip("opensmile", reason="the extra opensmile is not installed")
    encoder = OpenSmileFunctionals("eGeMAPSv02")
    samples = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    made = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    clips = [torch.from_numpy(samples), torch.zeros(800), torch.zeros(16_000)]
    frames = encoder(clips)
    assert frames.values.shape == (3, 1, encoder.dim) == (3, 1, 88)
    np.testing.assert_array_equal(frames.values[0, 0].numpy(), made.process_signal(samples, 16_000).to_numpy()[0])
    assert torch.isfinite(frames.values).all()
    again = pickle.loads(pickle.dumps(encoder))  # as working processes get it
    assert torch.equal(again(clips).values, frames.values)
    assert again.fingerprint() == encoder.fingerprint() != OpenSmileFunctionals().fingerprint()


def test_what_is_missing_or_unknown_is_named(monkeypatch):
    with pytest.raises(ConfigError, match="eGeMAPSv02"):
        OpenSmileFunctionals("GeMAPS")  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(ConfigError, match=r"vibespeaker\[opensmile\]"):
        OpenSmileFunctionals()
