"""Losses of categories against NumPy and torch, by hand, and at their edges."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.losses.conftest import CLASSES, make_batch
from vibespeaker.batch import NO_CATEGORY, EmotionOutput
from vibespeaker.errors import ConfigError
from vibespeaker.losses import (
    CrossEntropy,
    FixedWeights,
    FocalLoss,
    InverseFrequency,
    Misclassification,
    VotesDivergence,
)

NAN = float("nan")
WEIGHTS = np.array([0.5, 2.0, 1.0, 3.0])
WEIGHTING = FixedWeights(WEIGHTS.tolist())


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def _labelled(example) -> tuple[np.ndarray, np.ndarray]:
    category = example.batch.category.numpy()
    known = category != NO_CATEGORY
    return _log_softmax(example.logits[known]), category[known]


def test_cross_entropy_by_hand():
    output = EmotionOutput(torch.log(torch.tensor([[0.5, 0.25, 0.125, 0.125]] * 3)), None)
    parts = CrossEntropy()(output, make_batch(category=[0, 1, NO_CATEGORY]))
    assert parts.numerator.item() == pytest.approx(3 * np.log(2))  # −log ½ − log ¼
    assert parts.denominator.item() == 2


def test_cross_entropy_agrees_with_numpy(example):
    log_p, category = _labelled(example)
    expected = -log_p[np.arange(len(category)), category].mean()
    assert CrossEntropy()(example.output, example.batch).value.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_weighted_cross_entropy_agrees_with_numpy_and_torch(example, smoothing):
    log_p, category = _labelled(example)
    weights = WEIGHTS[category]
    hard = -(weights * log_p[np.arange(len(category)), category]).sum()
    smooth = -(WEIGHTS * log_p).sum() / CLASSES
    expected = ((1 - smoothing) * hard + smoothing * smooth) / weights.sum()
    parts = CrossEntropy(WEIGHTING, label_smoothing=smoothing)(example.output, example.batch)
    assert parts.value.item() == pytest.approx(expected, rel=1e-5)
    assert parts.denominator.item() == pytest.approx(weights.sum())
    reference = F.cross_entropy(
        example.output.logits, example.batch.category, torch.tensor(WEIGHTS).float(), label_smoothing=smoothing
    )
    torch.testing.assert_close(parts.value, reference)


@pytest.mark.parametrize("weighting", [None, WEIGHTING])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_agrees_with_numpy(example, gamma, weighting):
    log_p, category = _labelled(example)
    own = log_p[np.arange(len(category)), category]
    weights = np.ones(len(category)) if weighting is None else WEIGHTS[category]
    expected = -(weights * (1 - np.exp(own)) ** gamma * own).sum() / weights.sum()
    parts = FocalLoss(gamma, weighting)(example.output, example.batch)
    assert parts.value.item() == pytest.approx(expected, rel=1e-5)


def test_focal_without_focus_is_cross_entropy(example):
    torch.testing.assert_close(
        FocalLoss(0.0, WEIGHTING)(example.output, example.batch).value,
        CrossEntropy(WEIGHTING)(example.output, example.batch).value,
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_of_certain_logits_is_finite(gamma):
    logits = torch.tensor([[200.0, 0, 0, 0], [0, 200.0, 0, 0]], requires_grad=True)
    loss = FocalLoss(gamma)(EmotionOutput(logits, None), make_batch(category=[0, 0])).value
    loss.backward()
    assert loss.item() == pytest.approx(100)  # 0 for the right one, 200 for the wrong one
    assert logits.grad.isfinite().all()


def test_votes_divergence_agrees_with_numpy(example):
    votes = example.batch.votes.double().numpy()
    known = ~np.isnan(votes).any(1)
    votes, log_p = votes[known], _log_softmax(example.logits[known])
    terms = np.where(votes > 0, votes * (np.log(np.where(votes > 0, votes, 1)) - log_p), 0)
    parts = VotesDivergence()(example.output, example.batch)
    assert parts.denominator.item() == pytest.approx(known.sum())
    assert parts.value.item() == pytest.approx(terms.sum() / known.sum(), rel=1e-5)
    weighted = VotesDivergence(WEIGHTING)(example.output, example.batch).value.item()
    assert weighted == pytest.approx((WEIGHTS * terms).sum() / (WEIGHTS * votes).sum(), rel=1e-5)


def test_votes_divergence_is_zero_for_the_votes_themselves():
    votes = torch.tensor([[0.6, 0.4, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]])
    logits = torch.log(votes.clamp(min=1e-30))
    assert VotesDivergence()(EmotionOutput(logits, None), make_batch(votes=votes)).value.item() == pytest.approx(0)


def test_votes_divergence_of_one_vote_is_cross_entropy(example):
    one_hot = torch.eye(CLASSES)[[2] * 12]
    torch.testing.assert_close(
        VotesDivergence()(example.output, make_batch(votes=one_hot)).value,
        CrossEntropy()(example.output, make_batch(category=[2] * 12)).value,
    )


LOSSES = [CrossEntropy(), CrossEntropy(WEIGHTING, 0.1), FocalLoss(), FocalLoss(0.5, WEIGHTING), VotesDivergence()]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("size", [0, 3])
def test_nothing_known_is_zero_over_zero(loss, size):
    logits = torch.zeros(size, CLASSES, requires_grad=True)
    parts = loss(EmotionOutput(logits, None), make_batch(category=torch.full((size,), NO_CATEGORY)))
    parts.value.backward()
    assert (parts.numerator.item(), parts.denominator.item(), parts.value.item()) == (0, 0, 0)
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_gradients_stop_at_unknown_targets(loss, example):
    loss(example.output, example.batch).value.backward()
    gradient = example.output.logits.grad
    unknown = (
        example.batch.votes.isnan().any(1)
        if isinstance(loss, VotesDivergence)
        else example.batch.category == NO_CATEGORY
    )
    assert gradient.isfinite().all()
    assert (gradient[unknown] == 0).all()
    assert (gradient[~unknown] != 0).any(1).all()


def test_class_that_never_occurs_neither_counts_nor_divides_by_zero():
    loss = CrossEntropy(InverseFrequency())
    loss.set_class_counts(torch.tensor([5, 5, 0, 5]))
    parts = loss(EmotionOutput(torch.zeros(2, 4), None), make_batch(category=[2, 2]))
    assert (parts.numerator.item(), parts.denominator.item(), parts.value.item()) == (0, 0, 0)


def test_weights_come_from_the_statistics_their_rule_names():
    by_counts, by_confusion = CrossEntropy(InverseFrequency()), CrossEntropy(Misclassification())
    assert (by_counts.needs_class_counts, by_counts.needs_confusion) == (True, False)
    assert (by_confusion.needs_class_counts, by_confusion.needs_confusion) == (False, True)
    for loss in (by_counts, by_confusion):
        loss.set_class_counts(torch.tensor([1, 1, 1, 3]))
        loss.set_confusion(torch.eye(4))
    torch.testing.assert_close(by_counts.class_weights, torch.tensor([1.5, 1.5, 1.5, 0.5]))
    torch.testing.assert_close(by_confusion.class_weights, torch.ones(4))


def test_weights_travel_in_the_state():
    first, second = CrossEntropy(Misclassification()), CrossEntropy(Misclassification())
    first.set_confusion(torch.tensor([[1, 1], [0, 2]]))
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(second.class_weights, first.class_weights)
    assert first.class_weights is not None


def test_missing_statistics_are_a_config_error(example):
    with pytest.raises(ConfigError, match="InverseFrequency has not been given its counts"):
        CrossEntropy(InverseFrequency())(example.output, example.batch)


def test_wrong_number_of_weights_is_a_config_error(example):
    with pytest.raises(ConfigError, match=r"differ in number\. Found: 2\. Allowed: 4"):
        FocalLoss(weighting=FixedWeights([1, 2]))(example.output, example.batch)


def test_missing_head_is_a_config_error():
    output = EmotionOutput(None, torch.ones(1, 3))
    for loss in LOSSES:
        with pytest.raises(ConfigError, match="reads the head 'categories'"):
            loss(output, make_batch(category=[0]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CrossEntropy(label_smoothing=1.0), r"label_smoothing is out of range\. Found: 1\.0"),
        (lambda: FocalLoss(gamma=-1), "gamma is out of range. Found: -1"),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
