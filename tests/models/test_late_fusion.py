"""Late fusion: the mean of members that learn apart."""

import pytest
import torch

from tests.models.conftest import make_frames, spoil_padding
from vibespeaker.errors import ConfigError
from vibespeaker.models import LateFusion, MeanPooling, StatisticsPooling

DIMS = {"voice": 6, "words": 4}


def _model(**settings) -> LateFusion:
    model = LateFusion(DIMS, 3, **settings)
    torch.manual_seed(0)
    for output in model.outputs:
        torch.nn.init.normal_(output.linear.weight)
    return model.eval()


def _frames():
    return {"voice": make_frames([5, 2]), "words": make_frames([1, 3], dim=4, seed=1)}


def test_the_answer_is_the_mean_of_the_members():
    model, frames = _model(), _frames()
    output = model(frames)
    assert output.members == ()
    alone = []
    for name, pooling, head in zip(model.encoders, model.poolings, model.outputs, strict=True):
        alone.append(head(pooling(frames[name])))
    torch.testing.assert_close(output.logits, (alone[0].logits + alone[1].logits) / 2)
    torch.testing.assert_close(output.attributes, (alone[0].attributes + alone[1].attributes) / 2)
    assert output.attributes.min() >= 1
    assert output.attributes.max() <= 7


def test_members_weigh_in_the_mean_what_they_are_told_to():
    model, frames = _model(weights={"voice": 3.0, "gestures": 7.0}), _frames()
    voice, words = (
        head(pooling(frames[name]))
        for name, pooling, head in zip(model.encoders, model.poolings, model.outputs, strict=True)
    )
    output = model(frames)
    torch.testing.assert_close(output.logits, 0.75 * voice.logits + 0.25 * words.logits)
    torch.testing.assert_close(output.attributes, 0.75 * voice.attributes + 0.25 * words.attributes)
    assert model.state_dict().keys() == _model().state_dict().keys()  # what was trained without weights still loads


def test_a_weight_is_above_zero():
    with pytest.raises(ConfigError, match=r"weights\.words is out of range"):
        LateFusion(DIMS, 3, weights={"words": 0.0})


def test_training_also_tells_what_each_member_says():
    model, frames = _model().train(), _frames()
    output = model(frames)
    assert len(output.members) == 2
    torch.testing.assert_close(output.logits, torch.stack([member.logits for member in output.members]).mean(0))
    output.members[0].logits.square().sum().backward()
    assert model.outputs[0].linear.weight.grad.abs().sum() > 0
    assert model.outputs[1].linear.weight.grad is None


def test_padding_changes_nothing():
    model, frames = _model(), _frames()
    spoilt = {name: spoil_padding(given, 4, float("nan")) for name, given in frames.items()}
    torch.testing.assert_close(model(spoilt).logits, model(frames).logits)


def test_members_begin_without_an_opinion():
    output = LateFusion(DIMS, 3)(_frames())
    assert output.logits.abs().max() == 0
    assert torch.equal(output.attributes, torch.full((2, 3), 4.0))


def test_heads_encoders_and_poolings_are_chosen():
    model = _model(heads=["categories"], encoders=["words"], poolings={"words": MeanPooling, "unread": MeanPooling})
    assert [type(pooling) for pooling in model.poolings] == [MeanPooling]
    assert model(_frames()).attributes is None
    assert [type(pooling) for pooling in _model().poolings] == [StatisticsPooling] * 2


def test_foreign_frames_are_refused():
    with pytest.raises(ConfigError, match="'voice'"):
        _model()({"voice": make_frames([3], dim=5), "words": make_frames([3], dim=4)})
