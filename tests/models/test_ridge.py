"""Linear layers in closed form: the optimum, however many utterances there are."""

import pytest
import torch

from vibespeaker.batch import EmotionBatch, Frames
from vibespeaker.errors import VibeSpeakerError
from vibespeaker.labels import NO_CATEGORY
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.models import LateFusion, MeanPooling, Ridge, ridge
from vibespeaker.models.ridge import Regressed, RidgeSums

DIMS = {"voice": 6, "words": 4}


def _objective(weights, features, head, penalty):
    errors = features.double() @ weights.T - (head.targets - head.bias)
    return (head.weights[:, None] * errors**2).sum() + penalty * features.shape[1] * weights.square().sum()


def _problem(rows, dim=7, seed=0):
    draw = torch.Generator().manual_seed(seed)
    features = torch.randn(rows, dim, generator=draw)
    targets = torch.randn(rows, 2, generator=draw).double()
    weights = torch.rand(rows, generator=draw).double()
    weights[:2] = 0
    return features, Regressed(targets, weights * (rows - 2) / weights.sum())


@pytest.mark.parametrize("rows", [5, 40])
def test_no_other_weights_are_better(rows):
    features, head = _problem(rows)
    sums = RidgeSums(features.shape[1], 0.3, [head])
    sums.add(features)
    ((weights, bias),) = sums.solve()
    torch.testing.assert_close(bias, (head.weights[:, None] * head.targets).sum(0) / head.weights.sum())
    weights.requires_grad_()
    _objective(weights, features, head, 0.3).backward()
    assert weights.grad.abs().max() < 1e-5 * head.targets.abs().sum()


def test_many_rows_give_what_few_do(monkeypatch):
    features, head = _problem(60)
    other = Regressed(head.targets[:, :1], torch.ones(60).double())
    solved = []
    for at_once in (1000, 16):
        monkeypatch.setattr(ridge, "_ROWS", at_once)
        sums = RidgeSums(7, 1.0, [head, other])
        for rows in features.split(9):
            sums.add(rows)
        assert bool(sums._sums) == (at_once == 16)
        solved.append(sums.solve())
    for (weights, bias), (found, offset) in zip(*solved, strict=True):
        torch.testing.assert_close(found, weights, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(offset, bias)


def _split(count=50):
    draw = torch.Generator().manual_seed(3)
    category = torch.arange(count) % 3
    voice = torch.randn(count, 1, 6, generator=draw) * 20 + 100
    voice[:, 0, :3] += 60.0 * torch.nn.functional.one_hot(category, 3)
    words = torch.randn(count, 2, 4, generator=draw)
    ones = torch.ones(count, dtype=torch.int64)
    attributes = torch.stack([1.5 + category * 2.0, torch.full((count,), 4.0), torch.full((count,), 2.0)], 1)
    category[-4:], attributes[-4:] = NO_CATEGORY, float("nan")
    batch = EmotionBatch(
        rows=torch.arange(count),
        category=category,
        votes=torch.full((count, 3), float("nan")),
        attributes=attributes,
        targets={
            "sex": category.clamp(max=1),
            "tones": torch.stack([category == 0, category == 2], 1).float(),
            "level": voice[:, 0, 3:4],
        },
    )
    return {"voice": Frames(voice, ones), "words": Frames(words, 2 * ones)}, batch


def _model():
    further = {
        "sex": HeadSpec("classification", "sex", ("a", "b")),
        "tones": HeadSpec("multilabel", "tones", ("low", "high")),
        "level": HeadSpec("regression", "level"),
    }
    return LateFusion(DIMS, 3, further, pooling=MeanPooling, ridge={"voice": Ridge(penalty=0.01), "absent": Ridge()})


def test_a_member_is_solved_for_every_head():
    model, (frames, batch) = _model(), _split()
    assert model.solved == ("voice",)
    model.train()
    model.solve(lambda: [(frames, batch)])
    model.eval()
    voice = model.outputs[0](model.poolings[0](frames["voice"]))
    known = batch.category != NO_CATEGORY
    assert (voice.logits.argmax(1) == batch.category)[known].float().mean() > 0.9
    assert (voice.heads["sex"].argmax(1) == batch.category.clamp(max=1))[known].float().mean() > 0.8
    assert ((voice.heads["tones"] > 0) == batch.targets["tones"].bool())[known].float().mean() > 0.7
    torch.testing.assert_close(voice.heads["level"], batch.targets["level"], rtol=0.02, atol=1.0)
    assert torch.corrcoef(torch.stack([voice.attributes[known, 0], batch.attributes[known, 0]]))[0, 1] > 0.8
    assert model.outputs[1](model.poolings[1](frames["words"])).logits.abs().max() == 0


def test_views_that_are_spread_out_cost_answers_that_change_from_view_to_view():
    """The weights minimise the errors of all views and, (spread² − 1) times, how far their answers are apart."""
    draw, count, spread = torch.Generator().manual_seed(5), 30, 3.0
    views = [torch.randn(count, 1, 6, generator=draw) for _ in range(3)]
    _, batch = _split(count)
    ones = torch.ones(count, dtype=torch.int64)
    changes = []
    for strength in (1.0, spread):
        how = Ridge(penalty=0.1, balance=0.0, limit=100.0, spread=strength)
        model = LateFusion({"voice": 6}, 3, heads=["categories"], ridge={"voice": how})
        model.solve(lambda: [({"voice": Frames(view, ones)}, batch) for view in views])
        told = torch.stack([model.eval()({"voice": Frames(view, ones)}).logits for view in views])
        changes.append(float((told - told.mean(0)).square().sum()))
    assert changes[1] < 0.5 * changes[0]
    layer = model.outputs[0].linear
    weights = layer.weight.detach().double().requires_grad_()
    pooled = torch.stack([model.poolings[0](Frames(view, ones)) for view in views])[
        :, batch.category != NO_CATEGORY
    ].double()
    targets = 10.0 * torch.nn.functional.one_hot(batch.category[batch.category != NO_CATEGORY], 3) - layer.bias.detach()
    told = pooled @ weights.T
    cost = (told - targets).square().sum() + 0.1 * 6 * weights.square().sum()
    (cost + (spread**2 - 1) * (told - told.mean(0)).square().sum()).backward()
    assert weights.grad.abs().max() < 1e-3 * targets.abs().sum()


def test_training_leaves_what_was_solved():
    model, (frames, batch) = _model(), _split()
    model.solve(lambda: [(frames, batch)])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    output = model.train()(frames)
    assert len(output.members) == 1
    assert {name for name, one in model.named_parameters() if one.requires_grad} == {
        name for name, _ in model.named_parameters() if name.startswith("outputs.1")
    }
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_balance_makes_rare_classes_weigh_more():
    frames, batch = _split()
    batch.category[batch.category == 2] = torch.tensor([2] + [0] * 14)[: int((batch.category == 2).sum())]
    means = []
    for balance in (0.0, 1.0):
        model = LateFusion({"voice": 6}, 3, heads=["categories"], ridge={"voice": Ridge(balance=balance)})
        model.solve(lambda: [(frames, batch)])
        means.append(model.eval()(frames).logits[:, 2].mean())
    assert means[1] > means[0] + 1


def test_settings_out_of_range_are_refused():
    with pytest.raises(VibeSpeakerError, match="penalty"):
        Ridge(penalty=0.0)
    with pytest.raises(VibeSpeakerError, match="spread"):
        Ridge(spread=0.5)
