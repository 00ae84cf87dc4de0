"""Random convolutions: the same kernels everywhere, shares and means by hand, deaf to level."""

import pytest
import torch

from tests.encoders.test_functionals import harmonic, noise
from vibespeaker.encoders import AcousticDescriptors, Rocket, rocket
from vibespeaker.encoders.rocket import DILATIONS, TAPS
from vibespeaker.encoders.spectrum import cepstra
from vibespeaker.errors import ConfigError


def test_one_frame_a_clip_whatever_the_company():
    encoder = Rocket(20)
    clips = [noise(9_000), harmonic(120, 0.7), noise(20_000, 1)]
    together = encoder(clips)
    assert together.values.shape == (3, 1, encoder.dim) == (3, 1, 40)
    assert together.lengths.tolist() == [1, 1, 1]
    for row, clip in enumerate(clips):
        assert torch.equal(encoder([clip]).values[0], together.values[row])


@pytest.mark.parametrize("samples", [1, 100, 400, 16_000 * 12])
def test_any_length_gives_finite_numbers(samples):
    encoder = Rocket(10)
    for clip in (noise(samples), torch.zeros(samples)):
        assert encoder([clip]).values.isfinite().all()


def test_shares_and_means_by_hand():
    clip = harmonic(150) + noise(16_000)
    encoder = Rocket(5)
    described = AcousticDescriptors(64, 0, True, frames_per_second=50, trim_db=40)([clip]).values[0]
    contours = torch.cat((described[:, :64] @ cepstra(16, 64), described[:, 64:]), dim=1)
    standard = (contours - contours.mean(0)) / (contours.std(0, correction=0) + 0.01)
    kernel, bias = encoder.banks[1].weight[0], encoder.banks[1].bias[0]  # dilation 2
    responses = []
    for frame in range(len(standard)):
        total = bias.clone()
        for tap in range(TAPS):
            at = frame + 2 * (tap - TAPS // 2)
            if 0 <= at < len(standard):
                total += (kernel[:, tap] * standard[at]).sum()
        responses.append(float(total))
    found = encoder([clip]).values[0, 0]
    positive = [max(0.0, value) for value in responses]
    assert found[1].item() == pytest.approx(sum(value > 0 for value in responses) / len(responses), abs=0.02)
    assert found[5 + 1].item() == pytest.approx(sum(positive) / len(positive), abs=1e-4)


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("at_once", [7, 8192])
def test_products_equal_convolutions(monkeypatch, at_once, sparse):
    monkeypatch.setattr(rocket, "_FRAMES_AT_ONCE", at_once)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: sparse)
    encoder = Rocket(60)
    clip = harmonic(130, 0.8) + noise(12_800)
    described = encoder.descriptors([clip]).values[0]
    contours = torch.cat((described[:, :64] @ encoder.basis, described[:, 64:]), dim=1)
    standard = (contours - contours.mean(0)) / (contours.std(0, correction=0) + 0.01)
    responses = torch.cat([bank(standard.T[None])[0] for bank in encoder.banks]).relu()
    # where a response is zero but for rounding, either count is right
    doubtful = torch.cat([(bank(standard.T[None])[0].abs() < 1e-5).any(1) for bank in encoder.banks])
    shares, strengths = encoder([clip]).values[0, 0].chunk(2)
    torch.testing.assert_close(strengths, responses.mean(1), rtol=0, atol=1e-5)
    torch.testing.assert_close(shares[~doubtful], (responses > 0).float().mean(1)[~doubtful], rtol=0, atol=1e-5)
    assert not doubtful.all()


def test_kernels_that_were_drawn_elsewhere_take_the_place_of_these():
    clip = harmonic(130, 0.8)
    here, there = Rocket(20, seed=1), Rocket(20, seed=2)
    before = here([clip]).values
    here.load_state_dict(there.state_dict())
    assert torch.equal(here([clip]).values, there([clip]).values)
    assert not torch.equal(here([clip]).values, before)


def test_kernels_read_few_contours_and_ignore_their_level():
    encoder = Rocket(50)
    assert [bank.dilation[0] for bank in encoder.banks] == list(DILATIONS)
    for bank in encoder.banks:
        read = (bank.weight != 0).any(2).sum(1)
        assert read.min() >= 1
        assert read.max() <= 6
        assert bank.weight.sum(2).abs().max() < 1e-5
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_fingerprint_follows_kernels_and_settings():
    first = Rocket(20).fingerprint()
    assert first == Rocket(20).fingerprint()
    assert set(first.difference(Rocket(20, seed=1).fingerprint())) == {"preprocessing", "weights"}
    assert set(first.difference(Rocket(20, trim_db=None).fingerprint())) == {"preprocessing"}


def test_too_few_kernels_are_refused():
    with pytest.raises(ConfigError, match="at least 5"):
        Rocket(4)
