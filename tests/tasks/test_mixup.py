"""Mixup against its definition: heads on mixed embeddings, losses of mixed targets; draws by seed, epoch, batch."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vibespeaker.batch import NO_CATEGORY, EmotionBatch
from vibespeaker.errors import ConfigError
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.losses import (
    AttributeMSE,
    BinaryCrossEntropy,
    ConcordanceLoss,
    CrossEntropy,
    FixedWeights,
    MultiTaskLoss,
    VotesDivergence,
)
from vibespeaker.models.heads import EmotionHead, mix_outputs
from vibespeaker.tasks.mixup import Mix, Mixup, mixed_terms

HEADS = {
    "gender": HeadSpec("classification", "gender", ("female", "male")),
    "tone": HeadSpec("multilabel", "tone", ("tense", "warm", "dry")),
    "age": HeadSpec("regression", "age", low=18.0, high=90.0),
    "free": HeadSpec("regression", "free"),
}
MIX = Mix(0.7, torch.tensor([2, 0, 1, 4, 3]))
WEIGHTS = [0.5, 1.0, 2.0, 0.25]


@pytest.fixture
def head() -> EmotionHead:
    torch.manual_seed(0)
    return EmotionHead(6, 4, ("categories", "attributes", *HEADS), HEADS)


@pytest.fixture
def batch() -> EmotionBatch:
    draw = torch.Generator().manual_seed(1)
    return EmotionBatch(
        rows=torch.arange(5),
        category=torch.tensor([3, 0, NO_CATEGORY, 1, 2]),
        votes=torch.rand(5, 4, generator=draw).softmax(1),
        attributes=1 + 6 * torch.rand(5, 3, generator=draw),
        targets={"tone": torch.randint(0, 2, (5, 3), generator=draw).float()},
    )


def test_mixed_outputs_are_those_of_mixed_embeddings(head: EmotionHead) -> None:
    embeddings = torch.randn(5, 6, requires_grad=True)
    expected = head(0.7 * embeddings + 0.3 * embeddings[MIX.partners])
    found = mix_outputs(head(embeddings), MIX.of, HEADS)
    assert list(found.heads) == list(HEADS)
    parameters = [embeddings, *head.parameters()]
    for one, other in zip(found.tensors(), expected.tensors(), strict=True):
        torch.testing.assert_close(one, other)
    slopes = [torch.autograd.grad(sum(each.square().sum() for each in o.tensors()), parameters, retain_graph=True)
              for o in (found, expected)]  # fmt: skip
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_saturated_values_stay_finite(head: EmotionHead) -> None:
    with torch.no_grad():
        head.linear.weight *= 1e4
    embeddings = torch.randn(5, 6, requires_grad=True)
    mixed = mix_outputs(head(embeddings), MIX.of, HEADS)
    assert mixed.attributes.min() >= 1
    assert mixed.attributes.max() <= 7
    mixed.attributes.sum().backward()
    assert embeddings.grad.isfinite().all()


def test_terms_are_those_of_mixed_targets(head: EmotionHead, batch: EmotionBatch) -> None:
    """Cross-entropy of 0.7 · own + 0.3 · partner's class; a class that is unknown takes its share out of the mean."""
    terms = {
        "classes": CrossEntropy(FixedWeights(WEIGHTS)),
        "numbers": AttributeMSE(),
        "concordance": ConcordanceLoss(),
        "tone": BinaryCrossEntropy("tone"),
        "votes": VotesDivergence(),
    }
    output = head(torch.randn(5, 6))
    loss = MultiTaskLoss(dict(terms), dict.fromkeys(terms, 1.0))
    found = mixed_terms(loss, output, batch, MIX, HEADS)
    mixed = mix_outputs(output, MIX.of, HEADS)
    known = torch.zeros(5, 4)
    known[[0, 1, 3, 4], batch.category[[0, 1, 3, 4]]] = torch.tensor(WEIGHTS)[batch.category[[0, 1, 3, 4]]]
    soft = 0.7 * known + 0.3 * known[MIX.partners]
    torch.testing.assert_close(found["classes"].numerator, -(soft * mixed.logits.log_softmax(1)).sum())
    torch.testing.assert_close(found["classes"].denominator, soft.sum())
    attributes = 0.7 * batch.attributes + 0.3 * batch.attributes[MIX.partners]
    torch.testing.assert_close(found["numbers"].value, F.mse_loss(mixed.attributes, attributes))
    predicted, true = mixed.attributes.detach().double().numpy(), attributes.double().numpy()
    shared = 2 * ((predicted - predicted.mean(0)) * (true - true.mean(0))).mean(0)
    ccc = shared / (predicted.var(0) + true.var(0) + (predicted.mean(0) - true.mean(0)) ** 2)
    assert found["concordance"].value.item() == pytest.approx(1 - ccc.mean(), abs=1e-5)
    tones = 0.7 * batch.targets["tone"] + 0.3 * batch.targets["tone"][MIX.partners]
    expected = F.binary_cross_entropy_with_logits(mixed.heads["tone"], tones)
    torch.testing.assert_close(found["tone"].value, expected)
    votes = 0.7 * batch.votes + 0.3 * batch.votes[MIX.partners]
    expected = F.kl_div(mixed.logits.log_softmax(1), votes, reduction="batchmean")
    torch.testing.assert_close(found["votes"].value, expected)


def test_numbers_that_either_lacks_do_not_count(head: EmotionHead, batch: EmotionBatch) -> None:
    batch.attributes[0] = float("nan")
    batch.votes[3] = float("nan")
    loss = MultiTaskLoss({"numbers": AttributeMSE(), "votes": VotesDivergence()}, {"numbers": 1.0, "votes": 1.0})
    found = mixed_terms(loss, head(torch.randn(5, 6)), batch, MIX, HEADS)
    assert found["numbers"].denominator == 3 * 3  # utterance 0, and 1, which is mixed with it, are left out
    assert found["votes"].denominator.item() == pytest.approx(3)


def test_draws_follow_from_seed_epoch_and_batch() -> None:
    mixup = Mixup(alpha=0.4, probability=0.3)
    where = [(seed, epoch, batch) for seed in range(2) for epoch in range(10) for batch in range(100)]
    draws = [mixup.draw(8, *each) for each in where]
    mixed = [draw for draw in draws if draw is not None]
    assert len(mixed) / len(draws) == pytest.approx(0.3, abs=0.04)
    shares = np.array([draw.share for draw in mixed])
    assert shares.mean() == pytest.approx(0.5, abs=0.05)
    assert shares.var() == pytest.approx(1 / (4 * (2 * 0.4 + 1)), abs=0.02)  # of Beta(α, α)
    assert all(sorted(draw.partners.tolist()) == list(range(8)) for draw in mixed)
    again = [mixup.draw(8, *each) for each in where]
    assert [draw and draw.partners.tolist() for draw in again] == [draw and draw.partners.tolist() for draw in draws]
    assert len({(draw.share, *draw.partners.tolist()) for draw in mixed}) == len(mixed)


@pytest.mark.parametrize("settings", [{"alpha": 0.0}, {"probability": 1.5}])
def test_numbers_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"mixup\.\w+ is out of range"):
        Mixup(**settings)
