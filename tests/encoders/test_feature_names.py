"""Names of hand-crafted features stand where their values do."""

import math

import pytest
import torch

from vibespeaker.encoders import AcousticDescriptors, AcousticFunctionals, HandcraftedFrames, HandcraftedMeans, Rocket
from vibespeaker.encoders.feature_names import feature_names
from vibespeaker.errors import CheckpointError

TONE = 0.3 * torch.sin(2 * math.pi * 1000 * torch.arange(24_000) / 16_000)


def value(encoder, name, clip=TONE):
    return float(encoder([clip]).values[0, :, encoder.feature_names().index(name)].mean())


@pytest.mark.parametrize(
    "encoder",
    [HandcraftedMeans(mels=8, cepstra=4), HandcraftedFrames(), AcousticDescriptors(deltas=2), AcousticFunctionals()],
    ids=lambda encoder: type(encoder).__name__,
)
def test_every_value_has_a_name_of_its_own(encoder):
    names = encoder.feature_names()
    assert len(names) == encoder.dim
    assert len(set(names)) == len(names)


def test_names_stand_at_their_values():
    means = HandcraftedMeans()
    assert value(means, "spectral centroid") == pytest.approx(1000, rel=0.02)
    assert value(means, "zero-crossing rate") == pytest.approx(2 * 1000 / 16_000, rel=0.05)
    assert value(means, "chroma B") > 0.9  # 988 Hz
    frames = HandcraftedFrames()
    assert value(frames, "level, frame 20") == pytest.approx(0.3 / math.sqrt(2), rel=0.02)
    functionals = AcousticFunctionals(trim_db=None)
    assert value(functionals, "log duration") == pytest.approx(math.log(1.5), abs=0.02)
    descriptors = AcousticDescriptors(trim_db=None)
    louder = value(functionals, "mean of level", 3 * TONE) - value(functionals, "mean of level")
    assert louder == pytest.approx(value(descriptors, "level", 3 * TONE) - value(descriptors, "level"), rel=1e-4)
    assert louder > 0.1


def test_what_has_no_names_is_not_built_and_numbered():
    spec = {"class_path": "vibespeaker.encoders.Rocket", "init_args": {}}
    assert feature_names(spec, 3, "cache") == ("value 1", "value 2", "value 3")
    assert feature_names({"class_path": "somewhere.Else"}, 2, "cache") == ("value 1", "value 2")
    assert len(Rocket().feature_names()) == Rocket().dim


def test_a_cache_that_names_no_encoder_is_refused():
    with pytest.raises(CheckpointError):
        feature_names({"class_path": "vibespeaker.encoders.base.pad_frames"}, 2, "cache")
