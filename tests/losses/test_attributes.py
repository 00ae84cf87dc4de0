"""Losses of attributes against NumPy, by hand, and at their edges."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.losses.conftest import make_batch
from vibespeaker.batch import EmotionOutput
from vibespeaker.errors import ConfigError
from vibespeaker.losses import AttributeMSE, ConcordanceLoss, GaussianPenaltyMSE

NAN = float("nan")


def _output(attributes) -> EmotionOutput:
    return EmotionOutput(None, torch.tensor(attributes, dtype=torch.float32, requires_grad=True))


def test_mse_by_hand():
    parts = AttributeMSE()(_output([[2.0, 3.0, 4.0], [1.0, 1.0, 1.0]]), make_batch(attributes=[[1, 5, NAN], [NAN] * 3]))
    assert parts.numerator.item() == 5.0  # 1² + 2²
    assert parts.denominator.item() == 2.0
    assert parts.value.item() == 2.5


def test_mse_agrees_with_numpy(example):
    expected = np.nanmean((example.batch.attributes.numpy() - example.predicted) ** 2)
    assert AttributeMSE()(example.output, example.batch).value.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("sigma", [3, 5, 7])
@pytest.mark.parametrize("detach", [False, True])
def test_gaussian_penalty_agrees_with_numpy(example, sigma, detach):
    weights = np.exp(-((example.predicted - 4) ** 2) / (2 * sigma**2))
    expected = np.nanmean(weights * (example.batch.attributes.numpy() - example.predicted) ** 2)
    loss = GaussianPenaltyMSE(sigma=sigma, detach_weight=detach)
    assert loss(example.output, example.batch).value.item() == pytest.approx(expected, rel=1e-5)


def test_gaussian_penalty_gradients_by_hand():
    # y = 6, ŷ = 5, σ = 3: w = exp(−1/18); d/dŷ = −2·w·(y − ŷ) and, through the weight, − w·(ŷ − 4)/9·(y − ŷ)²
    weight = np.exp(-1 / 18)
    for detach, expected in ((True, -2 * weight), (False, -2 * weight - weight / 9)):
        output = _output([[5.0, 4.0, 4.0]])
        GaussianPenaltyMSE(3.0, detach_weight=detach)(
            output, make_batch(attributes=[[6, NAN, NAN]])
        ).numerator.backward()
        np.testing.assert_allclose(output.attributes.grad, [[expected, 0, 0]], rtol=1e-6)


def test_gaussian_penalty_is_dearest_at_the_centre():
    loss = GaussianPenaltyMSE(sigma=3.0)
    near = loss(_output([[4.0, 4.0, 4.0]]), make_batch(attributes=[[5, 5, 5]])).value
    far = loss(_output([[6.0, 6.0, 6.0]]), make_batch(attributes=[[7, 7, 7]])).value
    assert far < near
    assert near.item() == 1.0


@pytest.mark.parametrize("sigma", [0.0, -1.0, NAN])
def test_gaussian_penalty_refuses_sigma(sigma):
    with pytest.raises(ConfigError, match="sigma is out of range"):
        GaussianPenaltyMSE(sigma)


def _concordance(true: np.ndarray, predicted: np.ndarray) -> float:
    known = ~np.isnan(true)
    true, predicted = true[known], predicted[known]
    covariance = ((true - true.mean()) * (predicted - predicted.mean())).mean()
    return 2 * covariance / (true.var() + predicted.var() + (true.mean() - predicted.mean()) ** 2)


def test_concordance_agrees_with_numpy(example):
    true = example.batch.attributes.numpy()
    expected = np.mean([1 - _concordance(true[:, i], example.predicted[:, i]) for i in range(3)])
    parts = ConcordanceLoss()(example.output, example.batch)
    assert parts.denominator.item() == 3
    assert parts.value.item() == pytest.approx(expected, rel=1e-5)


def test_concordance_by_hand():
    # valence only: x = 1, 3; y = 2, 4: cov = 1, variances 1 and 1, distance 1 → CCC = 2/3
    parts = ConcordanceLoss()(_output([[4, 2, 4], [4, 4, 4]]), make_batch(attributes=[[NAN, 1, NAN], [NAN, 3, NAN]]))
    assert parts.value.item() == pytest.approx(1 / 3)
    assert parts.denominator.item() == 1


@pytest.mark.parametrize("predicted", [4.0, 2.0])
def test_concordance_of_constants_is_one_with_finite_gradient(predicted):
    for true in ([[2.0] * 3, [6.0] * 3], [[4.0] * 3, [4.0] * 3]):
        output = _output([[predicted] * 3, [predicted] * 3])
        loss = ConcordanceLoss()(output, make_batch(attributes=true)).value
        loss.backward()
        assert loss.item() == 1.0
        assert output.attributes.grad.isfinite().all()


def test_concordance_of_one_utterance_is_one():
    output = _output([[3.0, 3.0, 3.0]])
    loss = ConcordanceLoss()(output, make_batch(attributes=[[3, 3, 3]])).value
    loss.backward()
    assert loss.item() == 1.0
    assert output.attributes.grad.isfinite().all()


LOSSES = [AttributeMSE(), GaussianPenaltyMSE(3.0), GaussianPenaltyMSE(3.0, detach_weight=True), ConcordanceLoss()]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("size", [0, 3])
def test_nothing_known_is_zero_over_zero(loss, size):
    output = EmotionOutput(None, torch.full((size, 3), 4.0, requires_grad=True))
    parts = loss(output, make_batch(attributes=torch.full((size, 3), NAN)))
    parts.value.backward()
    assert (parts.numerator.item(), parts.denominator.item(), parts.value.item()) == (0, 0, 0)
    assert (output.attributes.grad == 0).all()


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_gradients_are_finite_and_stop_at_unknown_targets(loss, example):
    loss(example.output, example.batch).value.backward()
    gradient = example.output.attributes.grad
    assert gradient.isfinite().all()
    assert (gradient[example.batch.attributes.isnan()] == 0).all()
    assert (gradient[~example.batch.attributes.isnan()] != 0).all()


@pytest.mark.parametrize("loss", [AttributeMSE(), GaussianPenaltyMSE(3.0), ConcordanceLoss()])
def test_missing_head_is_a_config_error(loss):
    with pytest.raises(ConfigError, match=r"reads the head 'attributes'.*Remedy: add attributes"):
        loss(EmotionOutput(torch.zeros(1, 4), None), make_batch(attributes=[[1, 2, 3]]))


@given(st.integers(2, 9), st.floats(-2, 2), st.floats(0.5, 2))
def test_concordance_is_symmetric(size, shift, scale):
    # x against y costs what y against x does, also with missing targets: CCC is symmetric
    true = torch.linspace(1, 7, size).repeat(3, 1).T
    predicted = scale * true + shift
    forward = ConcordanceLoss()(EmotionOutput(None, predicted), make_batch(attributes=true)).value
    backward = ConcordanceLoss()(EmotionOutput(None, true), make_batch(attributes=predicted)).value
    torch.testing.assert_close(forward, backward)


def test_gradients_agree_with_finite_differences():
    true = torch.tensor([[2.0, 5.0, 3.0], [4.0, 1.0, 6.0], [6.5, 3.0, 2.0]])
    start = np.array([[3.0, 4.0, 4.5], [3.5, 2.0, 5.0], [5.0, 3.5, 1.5]])
    for loss in (AttributeMSE(), GaussianPenaltyMSE(3.0), ConcordanceLoss()):
        output = _output(start)
        loss(output, make_batch(attributes=true)).value.backward()
        for row, column in np.ndindex(3, 3):
            step = np.zeros_like(start)
            step[row, column] = 0.02
            up, down = (
                loss(EmotionOutput(None, torch.tensor(start + sign * step)), make_batch(attributes=true)).value.item()
                for sign in (1, -1)
            )
            assert output.attributes.grad[row, column].item() == pytest.approx((up - down) / 0.04, abs=2e-4)
