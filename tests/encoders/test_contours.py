"""Acoustic contours: what they are of the descriptors, named column by column, and their slopes."""

import pytest
import torch

from tests.encoders.test_descriptors import harmonic, noise
from vibespeaker.encoders import AcousticContours, AcousticDescriptors
from vibespeaker.encoders.descriptors import PROSODY
from vibespeaker.errors import ConfigError


def test_contours_of_a_tone_and_of_noise():
    encoder = AcousticContours(12)
    for clip in (harmonic(200), noise(20_000)):
        frames = encoder([clip])
        assert frames.values.shape == (1, int(frames.lengths[0]), encoder.dim)
        described = AcousticDescriptors(64, 0, True, frames_per_second=50, trim_db=40.0)([clip]).values[0]
        contours, slopes = frames.values[0].tensor_split(2, dim=1)
        # an orthonormal transform's first row is the bands' sum over the root of their number
        torch.testing.assert_close(contours[:, 0], described[:, :64].sum(1) / 8, rtol=1e-4, atol=1e-4)
        assert torch.equal(contours[:, 12:], described[:, 64:])
        inside = (contours[3:-1] - contours[1:-3] + 2 * (contours[4:] - contours[:-4])) / 10
        torch.testing.assert_close(slopes[2:-2], inside)


def test_columns_are_named():
    encoder = AcousticContours()
    names = encoder.feature_names()
    assert len(names) == len(set(names)) == encoder.dim == 2 * (13 + len(PROSODY))
    assert (names[0], names[-1]) == ("cepstrum 1", "slope of flux")


def test_settings_are_part_of_the_identity():
    prints = {str(AcousticContours(**one).fingerprint().parts) for one in ({}, {"cepstra": 20}, {"trim_db": None})}
    assert len(prints) == 3


@pytest.mark.parametrize(("name", "value"), [("cepstra", 0), ("cepstra", 65), ("trim_db", 0.0)])
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ConfigError, match=name):
        AcousticContours(**{name: value})
