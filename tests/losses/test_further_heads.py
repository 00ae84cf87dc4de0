"""Losses of further heads: those of categories and attributes on another head, and that of multilabel heads."""

import math

import pytest
import torch

from tests.losses.conftest import make_batch
from vibespeaker.batch import NO_CATEGORY, EmotionBatch, EmotionOutput
from vibespeaker.errors import ConfigError
from vibespeaker.losses import (
    AttributeMSE,
    BinaryCrossEntropy,
    ConcordanceLoss,
    CrossEntropy,
    FocalLoss,
    InverseFrequency,
    MultiTaskLoss,
)

NAN = float("nan")


def _batch(**targets: list) -> EmotionBatch:
    size = len(next(iter(targets.values())))
    bare = make_batch(category=[0] * size)
    made = {name: torch.tensor(values) for name, values in targets.items()}
    return EmotionBatch(bare.rows, bare.category, bare.votes, bare.attributes, targets=made)


def _output(**heads: list) -> EmotionOutput:
    made = {name: torch.tensor(values, requires_grad=True) for name, values in heads.items()}
    return EmotionOutput(None, None, heads=made)


def test_rows_without_a_label_do_not_count():
    output, batch = _output(gender=[[0.0, 0.0], [9.0, -9.0], [0.0, math.log(3)]]), _batch(gender=[0, NO_CATEGORY, 1])
    parts = CrossEntropy(head="gender")(output, batch)
    assert parts.numerator.item() == pytest.approx(math.log(2) + math.log(4 / 3))
    assert parts.denominator.item() == 2
    parts.value.backward()
    assert not output.heads["gender"].grad[1].any()
    assert FocalLoss(gamma=0.0, head="gender")(output, batch).value.item() == pytest.approx(parts.value.item())


def test_each_class_of_a_multilabel_head_counts_alike():
    output, batch = _output(tone=[[0.0, math.log(3)], [5.0, 5.0]]), _batch(tone=[[1.0, 0.0], [NAN, NAN]])
    parts = BinaryCrossEntropy("tone")(output, batch)
    assert parts.numerator.item() == pytest.approx(math.log(2) + math.log(4))
    assert parts.denominator.item() == 2
    parts.value.backward()
    assert not output.heads["tone"].grad[1].any()


def test_values_of_a_regression_are_compared_where_known():
    output, batch = _output(age=[[30.0], [50.0], [1.0]]), _batch(age=[[20.0], [50.0], [NAN]])
    parts = AttributeMSE(head="age")(output, batch)
    assert (parts.numerator.item(), parts.denominator.item()) == (100.0, 2.0)
    # covariance 150, variances 100 and 225, squared distance of means 25
    assert ConcordanceLoss(head="age")(output, batch).value.item() == pytest.approx(1 - 2 * 150 / (100 + 225 + 25))


def test_nothing_known_gives_zero_with_zero_gradient():
    output = _output(gender=[[1.0, 2.0]], tone=[[1.0, 2.0]], age=[[3.0]])
    batch = _batch(gender=[NO_CATEGORY], tone=[[NAN, NAN]], age=[[NAN]])
    for loss in (CrossEntropy(head="gender"), BinaryCrossEntropy("tone"), AttributeMSE("age"), ConcordanceLoss("age")):
        value = loss(output, batch).value
        value.backward()
        assert value.item() == 0
    assert not any(head.grad.any() for head in output.heads.values())


def test_class_counts_reach_the_terms_of_their_head():
    loss = MultiTaskLoss(
        {"categories": CrossEntropy(InverseFrequency()), "gender": CrossEntropy(InverseFrequency(), head="gender")},
        {"categories": 1.0, "gender": 0.5},
    )
    assert loss.requires == loss.needs_class_counts == ("categories", "gender")
    loss.set_class_counts(torch.tensor([3, 1]))
    loss.set_class_counts(torch.tensor([1, 1]), "gender")
    assert loss.losses["categories"].class_weights.tolist() == pytest.approx([2 / 3, 2])
    assert loss.losses["gender"].class_weights.tolist() == [1, 1]


def test_a_head_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="'gender', which the model does not have"):
        CrossEntropy(head="gender")(EmotionOutput(torch.zeros(1, 4), None), make_batch(category=[0]))
    with pytest.raises(ConfigError, match=r"'gender', which the data does not declare.*data\.init_args\.heads"):
        CrossEntropy(head="gender")(_output(gender=[[0.0, 1.0]]), make_batch(category=[0]))
