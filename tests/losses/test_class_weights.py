"""Class weights by hand."""

import pytest
import torch

from vibespeaker.errors import ConfigError
from vibespeaker.losses import EffectiveNumber, FixedWeights, InverseFrequency, Misclassification

COUNTS = torch.tensor([10, 30, 0, 20])


def test_inverse_frequency_by_hand():
    # 60 utterances, 3 classes that occur: 60/(3·10), 60/(3·30), absent, 60/(3·20)
    torch.testing.assert_close(InverseFrequency().weights(COUNTS), torch.tensor([2.0, 2 / 3, 0.0, 1.0]))


def test_square_root_by_hand():
    weights = InverseFrequency(power=0.5).weights(COUNTS)
    torch.testing.assert_close(weights, torch.tensor([2.0**0.5, (2 / 3) ** 0.5, 0.0, 1.0]))


def test_inverse_frequency_gives_every_class_the_same_total():
    totals = InverseFrequency().weights(COUNTS) * COUNTS
    torch.testing.assert_close(totals, torch.tensor([20.0, 20.0, 0.0, 20.0]))


def test_effective_number_by_hand():
    # β = 0.5: (1−β)/(1−β^n) for n = 1, 2 is 1 and 2/3, scaled to average 1
    weights = EffectiveNumber(beta=0.5).weights(torch.tensor([1, 2, 0]))
    torch.testing.assert_close(weights, torch.tensor([1.2, 0.8, 0.0]))


def test_effective_number_between_uniform_and_inverse():
    torch.testing.assert_close(EffectiveNumber(beta=0.0).weights(COUNTS), torch.tensor([1.0, 1.0, 0.0, 1.0]))
    nearly = EffectiveNumber(beta=1 - 1e-9).weights(COUNTS)
    inverse = InverseFrequency().weights(COUNTS)
    torch.testing.assert_close(nearly / nearly[0], inverse / inverse[0], rtol=1e-5, atol=0)


def test_misclassification_by_hand():
    # recalls 1, 1/2, absent → mean error 1/4: raw weights 1, 1.5, 1.25, their mean is 1.25
    confusion = torch.tensor([[4, 0, 0], [1, 2, 1], [0, 0, 0]])
    torch.testing.assert_close(Misclassification().weights(confusion), torch.tensor([0.8, 1.2, 1.0]))


def test_misclassification_without_strength_is_uniform():
    weights = Misclassification(strength=0.0).weights(torch.tensor([[1, 3], [0, 5]]))
    torch.testing.assert_close(weights, torch.ones(2))


def test_misclassification_reads_true_classes_from_rows():
    # class 0 is always right although many utterances of class 1 are taken for it
    weights = Misclassification().weights(torch.tensor([[5, 0], [5, 0]]))
    assert weights[1] == 2 * weights[0]


def test_weights_are_float32():
    for weights in (
        InverseFrequency().weights(COUNTS),
        EffectiveNumber().weights(COUNTS),
        Misclassification().weights(torch.eye(2)),
        FixedWeights([1, 2]).weights(torch.empty(0)),
    ):
        assert weights.dtype == torch.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: InverseFrequency().weights(torch.zeros(3)), "one training count per class"),
        (lambda: EffectiveNumber().weights(torch.tensor([-1, 3])), "one training count per class"),
        (lambda: EffectiveNumber(beta=1.0), r"beta is out of range\. Found: 1\.0"),
        (lambda: Misclassification(strength=-1), r"strength is out of range\. Found: -1"),
        (lambda: Misclassification().weights(torch.zeros(2, 2)), "square confusion matrix with counts"),
        (lambda: Misclassification().weights(torch.ones(2, 3)), "square confusion matrix with counts"),
        (lambda: FixedWeights([0.0, 0.0]), "not all 0"),
        (lambda: FixedWeights([1.0, -1.0]), "at least 0"),
    ],
)
def test_impossible_statistics_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
