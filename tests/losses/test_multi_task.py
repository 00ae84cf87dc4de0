"""The weighted sum of losses, and what a config can make of it."""

import pytest
import torch
from jsonargparse import ArgumentParser

from vibespeaker.batch import EmotionOutput
from vibespeaker.errors import ConfigError
from vibespeaker.losses import AttributeMSE, ConcordanceLoss, CrossEntropy, InverseFrequency, LossParts, MultiTaskLoss


def _loss(alpha: float, beta: float) -> MultiTaskLoss:
    return MultiTaskLoss(
        {"attributes": AttributeMSE(), "categories": CrossEntropy()}, {"attributes": alpha, "categories": beta}
    )


def test_total_is_the_weighted_sum(example):
    loss = _loss(0.25, 0.75)
    parts = loss(example.output, example.batch)
    mse = AttributeMSE()(example.output, example.batch).value
    cross_entropy = CrossEntropy()(example.output, example.batch).value
    torch.testing.assert_close(loss.total(parts), 0.25 * mse + 0.75 * cross_entropy)


def test_term_of_weight_zero_is_only_watched(example):
    loss = _loss(1.0, 0.0)
    parts = loss(example.output, example.batch)
    loss.total(parts).backward()
    assert not parts["categories"].numerator.requires_grad
    assert parts["categories"].value > 0
    assert example.output.logits.grad is None
    torch.testing.assert_close(loss.total(parts), parts["attributes"].value)


def test_term_without_targets_does_not_spoil_the_total(example):
    nothing = LossParts(torch.zeros(()), torch.zeros(()))
    loss = _loss(0.5, 0.5)
    parts = loss(example.output, example.batch) | {"categories": nothing}
    torch.testing.assert_close(loss.total(parts), 0.5 * parts["attributes"].value)


def test_parts_of_two_halves_add_up_to_those_of_the_whole(example):
    loss = _loss(0.5, 0.5)
    whole = loss(example.output, example.batch)
    halves = []
    for half in (slice(0, 5), slice(5, 12)):
        output = EmotionOutput(example.output.logits[half], example.output.attributes[half])
        halves.append(loss(output, example.batch.select(half)))
    for name, parts in whole.items():
        torch.testing.assert_close(sum(half[name].numerator for half in halves), parts.numerator)
        torch.testing.assert_close(sum(half[name].denominator for half in halves), parts.denominator)


def test_what_the_terms_need_is_what_the_sum_needs():
    plain = _loss(0.5, 0.5)
    assert plain.requires == ("attributes", "categories")
    assert not plain.needs_class_counts
    assert not plain.needs_confusion
    weighted = MultiTaskLoss({"a": ConcordanceLoss(), "b": CrossEntropy(InverseFrequency())}, {"a": 1.0, "b": 1.0})
    assert weighted.needs_class_counts
    weighted.set_class_counts(torch.tensor([3, 1]))
    torch.testing.assert_close(weighted.losses["b"].class_weights, torch.tensor([2 / 3, 2.0]))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, "one weight for each of its terms.*Allowed: attributes"),
        ({"attributes": 1.0, "arousal": 1.0}, "Found: .'arousal', 'attributes'."),
        ({"attributes": -1.0}, r"weights\.attributes is out of range"),
        ({"attributes": 0.0}, "not all 0"),
    ],
)
def test_impossible_weights_are_refused(weights, message):
    with pytest.raises(ConfigError, match=message):
        MultiTaskLoss({"attributes": AttributeMSE()}, weights)


def test_a_config_builds_it():
    parser = ArgumentParser()
    parser.add_class_arguments(MultiTaskLoss, "loss")
    config = {
        "terms": {
            "attributes": {"class_path": "vibespeaker.losses.GaussianPenaltyMSE", "init_args": {"sigma": 5}},
            "categories": {
                "class_path": "vibespeaker.losses.CrossEntropy",
                "init_args": {
                    "label_smoothing": 0.1,
                    "weighting": {
                        "class_path": "vibespeaker.losses.InverseFrequency",
                        "init_args": {"power": 0.5},
                    },
                },
            },
            "votes": {"class_path": "vibespeaker.losses.VotesDivergence"},
        },
        "weights": {"attributes": 0.75, "categories": 0.25, "votes": 0.1},
    }
    loss = parser.instantiate(parser.parse_object({"loss": config})).loss
    assert loss.losses["attributes"].sigma == 5
    assert loss.losses["categories"].label_smoothing == 0.1
    assert loss.losses["categories"].weighting.power == 0.5
    assert loss.weights == {"attributes": 0.75, "categories": 0.25, "votes": 0.1}
