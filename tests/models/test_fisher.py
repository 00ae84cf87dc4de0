"""Fisher vectors: gradients of the likelihood, blind to padding, fitted to the training split, solved."""

import pytest
import torch

from tests.models.conftest import spoil_padding
from vibespeaker.batch import EmotionBatch, Frames
from vibespeaker.errors import ConfigError
from vibespeaker.models import (
    AttentiveStatisticsPooling,
    FisherVectors,
    LateFusion,
    MultiEncoderModel,
    NormedPooling,
    Ridge,
)
from vibespeaker.models.fisher import _Drawn

DIM, COMPONENTS = 4, 3
SCALE = torch.tensor([1.0, 5.0, 0.1, 2.0])


def frames(lengths: list[int], seed: int = 0) -> Frames:
    """Frames around three centres, of unequal scales and offsets."""
    draw = torch.Generator().manual_seed(seed)
    centres = torch.randint(0, 3, (len(lengths), max(lengths), 1), generator=draw) * 4.0
    values = (centres + torch.randn(len(lengths), max(lengths), DIM, generator=draw)) * SCALE + 10
    made = Frames(values, torch.tensor(lengths))
    return Frames(values * made.mask()[:, :, None], made.lengths)


def fitted(utterance_mean: str = "kept", **settings) -> FisherVectors:
    pooling = FisherVectors(DIM, COMPONENTS, utterance_mean, **settings)
    pooling.fit([frames([80, 60], seed) for seed in range(1, 5)])
    return pooling


def test_means_and_spreads_are_gradients_of_the_mixture_s_likelihood():
    """With Σ w N(x; μ, σ²): σ / √w times the gradient for μ, and σ / √(2 w) times that for σ, both per frame."""
    pooling, given = fitted(), frames([40])
    mixture = pooling.mixtures["kept"]
    x = ((given.values[0] - mixture.centre) / mixture.scale).double()
    weights, means = mixture.weights.double(), mixture.means.double().requires_grad_()
    deviations = mixture.variances.double().sqrt().requires_grad_()
    densities = torch.distributions.Normal(means, deviations).log_prob(x[:, None]).sum(2) + weights.log()
    densities.logsumexp(1).mean().backward()
    vector = pooling(given)[0].double()
    plain = vector.sign() * vector.square()
    share, first, second = plain.split([COMPONENTS, COMPONENTS * DIM, COMPONENTS * DIM])
    root, sizes = weights.sqrt()[:, None], deviations.detach()
    torch.testing.assert_close(first, (means.grad * sizes / root).flatten(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(second, (deviations.grad * sizes / root / 2**0.5).flatten(), rtol=1e-4, atol=1e-5)
    expected = (densities.softmax(1).mean(0) - weights) / weights.sqrt()
    torch.testing.assert_close(share, expected.detach(), rtol=1e-4, atol=1e-5)


def test_the_mixture_finds_the_kinds_of_frames():
    mixture = fitted().mixtures["kept"]
    found = (mixture.means * mixture.scale + mixture.centre - 10) / SCALE
    torch.testing.assert_close(
        found.sort(0).values, torch.tensor([0.0, 4.0, 8.0])[:, None].expand(3, DIM), atol=0.6, rtol=0
    )
    torch.testing.assert_close(mixture.weights.sum(), torch.tensor(1.0))


@pytest.mark.parametrize("utterance_mean", ["kept", "removed", "both"])
def test_neither_padding_nor_other_utterances_count(utterance_mean):
    pooling, given = fitted(utterance_mean), frames([30, 1, 12])
    together = pooling(spoil_padding(given, 5, float("nan")))
    assert together.shape == (3, pooling.output_dim)
    assert pooling.output_dim == (2 if utterance_mean == "both" else 1) * COMPONENTS * (1 + 2 * DIM)
    for row, length in enumerate((30, 1, 12)):
        alone = pooling(Frames(given.values[row : row + 1, :length], torch.tensor([length])))
        torch.testing.assert_close(together[row], alone[0], rtol=1e-4, atol=1e-4)


def test_without_the_utterance_s_mean_a_constant_does_not_count():
    pooling, given = fitted("both"), frames([50])
    shifted = Frames(given.values + 7 * SCALE, given.lengths)
    before, after = (pooling(one).unflatten(1, (2, -1)) for one in (given, shifted))
    torch.testing.assert_close(before[:, 1], after[:, 1], rtol=1e-3, atol=1e-3)
    assert (before[:, 0] - after[:, 0]).abs().max() > 0.1


def test_half_precision_frames_are_pooled_in_float32():
    pooling, given = fitted(), frames([50])
    with torch.autocast("cpu", torch.bfloat16):
        low = pooling(Frames(given.values.bfloat16(), given.lengths))
    assert low.dtype == torch.float32
    assert torch.equal(low, pooling(Frames(given.values.bfloat16().float(), given.lengths)))


def test_all_frames_have_the_same_chance_of_being_drawn():
    drawn = _Drawn(2_000, seed=3)
    for first in range(0, 40_000, 100):
        drawn.add(torch.arange(first, first + 100)[:, None])
    rows = drawn.rows()[:, 0]
    assert len(rows) == len(set(rows.tolist())) == 2_000
    counts = torch.histc(rows.float(), 4, 0, 40_000)
    assert (counts - 500).abs().max() < 90  # 4.6 deviations of the hypergeometric distribution


def test_the_same_seed_fits_the_same_mixture():
    one, other = fitted(sample=200), fitted(sample=200)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())
    assert not torch.equal(one(frames([20])), fitted(sample=200, seed=1)(frames([20])))


def test_fewer_frames_than_components_are_refused():
    with pytest.raises(ConfigError, match=r"3 frames in the training split.*at least 5"):
        FisherVectors(DIM, 5).fit([frames([3])])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"components": 0}, "components"),
        ({"sample": 0}, "sample"),
        ({"seed": -1}, "seed"),
        ({"utterance_mean": "some"}, "kept, removed, both"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        FisherVectors(DIM, **settings)


def test_a_member_over_fisher_vectors_is_solved_and_kept():
    """Classes that differ in which kind of frame follows, not in the mean over all frames."""
    draw = torch.Generator().manual_seed(0)
    category = torch.arange(60) % 2
    kinds = torch.randint(0, 2, (60, 40, 1), generator=draw) * 6.0
    spread = torch.where((kinds > 0) == (category[:, None, None] > 0), 2.0, 0.5)
    voice = Frames(kinds + spread * torch.randn(60, 40, 2, generator=draw), torch.full((60,), 40))
    unknown = torch.full((60, 3), torch.nan)
    batch = EmotionBatch(torch.arange(60), category, unknown[:, :2], unknown)

    def made() -> LateFusion:
        pooling = {"voice": lambda dim: FisherVectors(dim, 2, "kept")}
        return LateFusion({"voice": 2}, 2, heads=["categories"], ridge={"voice": Ridge()}, poolings=pooling).eval()

    model, again = made(), made()
    model.solve(lambda: [({"voice": voice}, batch)])
    logits = model({"voice": voice}).logits
    assert (logits.argmax(1) == category).float().mean() > 0.95
    again.load_state_dict(model.state_dict())
    assert torch.equal(again({"voice": voice}).logits, logits)


def test_a_pooling_that_learns_by_steps_is_refused_in_closed_form():
    with pytest.raises(ConfigError, match="AttentiveStatisticsPooling"):
        LateFusion({"a": 3}, 2, ridge={"a": Ridge()}, poolings={"a": AttentiveStatisticsPooling})


@pytest.mark.parametrize("wrapped", [FisherVectors, lambda dim: NormedPooling(dim, FisherVectors)])
def test_where_it_would_never_be_fitted_it_is_refused(wrapped):
    for model in (LateFusion, MultiEncoderModel):
        with pytest.raises(ConfigError, match=r"pooling of a has to be fitted.*FisherVectors.*name a in its ridge"):
            model({"a": 3}, 2, poolings={"a": wrapped})
