"""Batches: global, sharded, deterministic, bucketed, resumable."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibespeaker.data.sampler import BatchSize, Draw, EvaluationBatches, Shard, TrainingBatches, padding_waste
from vibespeaker.errors import ConfigError

SPEECH = np.maximum(1, np.random.default_rng(0).lognormal(np.log(5.8) - 0.125, 0.5, 20_000) * 50).astype(np.int64)

EIGHT, ONCE = BatchSize(8), Draw()


def _sampler(count: int = 100, size: BatchSize = EIGHT, draw: Draw = ONCE, **options: object) -> TrainingBatches:
    lengths = np.random.default_rng(1).integers(1, 50, count)
    return TrainingBatches(lengths, np.arange(count) % 4, size, draw, **options)


def _rows(sampler: TrainingBatches | EvaluationBatches) -> list[list[int]]:
    return [[row for row, _ in batch] for batch in sampler]


def test_an_epoch_shows_each_utterance_once_in_batches_of_similar_size() -> None:
    batches = _rows(_sampler(100))
    assert sorted(row for batch in batches for row in batch) == list(range(100))
    assert len(batches) == 13
    assert {len(batch) for batch in batches} == {7, 8}


def test_epochs_differ_and_repeat_exactly() -> None:
    first, second = _sampler(), _sampler()
    for sampler in (first, second):
        sampler.set_epoch(3)
    assert list(first) == list(second)
    first.set_epoch(4)
    assert list(first) != list(second)
    assert list(_sampler(draw=Draw(seed=1))) != list(_sampler())


def test_small_corpora_do_not_show_the_same_batches_in_every_epoch() -> None:
    sampler = _sampler(60)
    groups = []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        groups.append({frozenset(batch) for batch in _rows(sampler)})
    assert len(groups[0] & groups[1]) <= 1


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(6, 70),
    size=st.integers(3, 12),
    frames=st.none() | st.integers(20, 400),
    processes=st.integers(1, 3),
    samples=st.none() | st.integers(6, 150),
    balance=st.sampled_from([(0.0, None), (0.5, None), (1.0, None), (1.0, 2)]),
    epoch=st.integers(0, 3),
)
def test_processes_share_every_batch(
    count: int,
    size: int,
    frames: int | None,
    processes: int,
    samples: int | None,
    balance: tuple[float, int | None],
    epoch: int,
) -> None:
    draw = Draw(samples, balance[0], balanced_epochs=balance[1])
    limits = BatchSize(size, frames)
    shards = [_sampler(count, limits, draw, shard=Shard(rank, processes)) for rank in range(processes)]
    for shard in shards:
        shard.set_epoch(epoch)
    batches = [_rows(shard) for shard in shards]
    assert [len(own) for own in batches] == [len(shards[0])] * processes
    whole = shards[0].global_batches(epoch)
    for step, batch in enumerate(whole):
        shares = [own[step] for own in batches]
        assert sorted(row for share in shares for row in share) == sorted(batch.tolist())
        assert all(shares)  # no process stands idle in a step
        assert max(map(len, shares)) - min(map(len, shares)) <= 1
        assert len(batch) <= max(size + processes - 1, processes)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 40),
    size=st.integers(1, 9),
    frames=st.none() | st.integers(20, 200),
    processes=st.integers(1, 5),
)
def test_evaluation_shows_everything_in_the_batches_of_one_process(
    count: int, size: int, frames: int | None, processes: int
) -> None:
    lengths = np.random.default_rng(count).integers(1, 30, count)
    one = _rows(EvaluationBatches(lengths, BatchSize(size, frames)))
    assert sorted(row for batch in one for row in batch) == list(range(count))
    shards = [_rows(EvaluationBatches(lengths, BatchSize(size, frames), Shard(r, processes))) for r in range(processes)]
    assert len({len(own) for own in shards}) == 1  # the same number of steps, never none
    assert {tuple(batch) for own in shards for batch in own} == {tuple(batch) for batch in one}


def test_samples_per_epoch_show_everything_before_anything_twice() -> None:
    sampler = _sampler(100, draw=Draw(samples=40))
    shown = []
    for epoch in range(5):
        sampler.set_epoch(epoch)
        rows = [row for batch in _rows(sampler) for row in batch]
        assert len(rows) == 40
        shown += rows
    assert sorted(shown) == sorted([*range(100), *range(100)])


def test_balance_shows_classes_equally_often() -> None:
    categories = np.array([0] * 900 + [1] * 90 + [2] * 10)
    lengths = np.ones(1000, dtype=np.int64)

    def shares(balance: float) -> np.ndarray:
        sampler = TrainingBatches(lengths, categories, BatchSize(100), Draw(30_000, balance))
        rows = np.concatenate(sampler.global_batches(0))
        return np.bincount(categories[rows], minlength=3) / 30_000

    np.testing.assert_allclose(shares(1.0), [1 / 3] * 3, atol=0.01)
    roots = np.sqrt([900, 90, 10])
    np.testing.assert_allclose(shares(0.5), roots / roots.sum(), atol=0.01)
    np.testing.assert_allclose(shares(0.0), [0.9, 0.09, 0.01], atol=1e-9)


def test_balanced_then_natural() -> None:
    """Two epochs show classes equally often, those behind each utterance once, in the same number of steps."""
    categories = np.array([0] * 90 + [1] * 10)
    sampler = TrainingBatches(np.ones(100, dtype=np.int64), categories, BatchSize(8), Draw(None, 1.0, 0, 2))
    shown = [np.concatenate(sampler.global_batches(epoch)) for epoch in range(4)]
    shares = [np.bincount(categories[rows], minlength=2) / 100 for rows in shown]
    assert 0.3 < shares[0][0] < 0.7
    assert 0.3 < shares[1][0] < 0.7
    for rows in shown[2:]:
        assert sorted(rows.tolist()) == list(range(100))
    assert {len(sampler.global_batches(epoch)) for epoch in range(4)} == {len(sampler)} == {13}
    for epoch in (1, 2):  # resumed in mid-epoch, before and behind the change
        sampler.set_epoch(epoch)
        whole = list(sampler)
        sampler.start = 5
        assert list(sampler) == whole[5:]


@pytest.mark.parametrize(
    ("balance", "epochs", "message"), [(0.0, 2, "balance is 0"), (1.0, 0, "balanced_epochs is out of range")]
)
def test_balanced_epochs_that_mean_nothing_are_refused(balance: float, epochs: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Draw(None, balance, 0, epochs)


def test_views_are_drawn_by_seed_epoch_and_utterance() -> None:
    sampler, split = _sampler(views=3), _sampler(views=3, shard=Shard(1, 2))
    drawn = []
    for epoch in range(2):
        for each in (sampler, split):
            each.set_epoch(epoch)
        views = {row: view for batch in sampler for row, view in batch}
        assert set(views.values()) == {0, 1, 2, 3}
        assert all(views[row] == view for batch in split for row, view in batch)
        drawn.append(views)
    assert drawn[0] != drawn[1]


def test_resuming_skips_what_was_seen_in_that_epoch_only() -> None:
    sampler = _sampler()
    sampler.set_epoch(2)
    whole = list(sampler)
    resumed = _sampler()
    resumed.set_epoch(2)
    resumed.start = 5
    assert list(resumed) == whole[5:]
    resumed.set_epoch(3)
    assert len(list(resumed)) == len(whole)


def test_bucketing_wastes_at_most_a_twentieth_on_speech() -> None:
    sampler = TrainingBatches(SPEECH, np.zeros(len(SPEECH), np.int64), BatchSize(128), Draw())
    assert padding_waste(sampler.global_batches(0), SPEECH) <= 0.05
    shuffled = np.array_split(np.random.default_rng(0).permutation(len(SPEECH)), len(sampler))
    assert padding_waste(shuffled, SPEECH) > 0.5


def test_frame_budget_is_kept_and_epochs_have_equal_numbers_of_steps() -> None:
    sampler = TrainingBatches(SPEECH, np.zeros(len(SPEECH), np.int64), BatchSize(512, 20_000), Draw(samples=12_000))
    for epoch in range(3):
        batches = sampler.global_batches(epoch)
        assert len(batches) == len(sampler)
        assert max(len(batch) * int(SPEECH[batch].max()) for batch in batches) <= 20_000
    assert padding_waste(sampler.global_batches(0), SPEECH) <= 0.05


def test_hand_computed_batches() -> None:
    lengths = np.array([5, 1, 4, 2, 3])
    assert _rows(EvaluationBatches(lengths, BatchSize(2))) == [[0, 2], [4, 3], [1]]
    assert _rows(EvaluationBatches(lengths, BatchSize(9, 8))) == [[0], [2, 4], [3, 1]]
    assert _rows(EvaluationBatches(lengths, BatchSize(2), Shard(1, 2))) == [[4, 3], [1]]
    assert padding_waste([np.array([0, 2]), np.array([4, 3]), np.array([1])], lengths) == pytest.approx(1 - 15 / 17)


@pytest.mark.parametrize(
    ("count", "size", "samples"), [(1, 8, None), (100, 1, None), (100, 8, 1)], ids=["split", "batch", "epoch"]
)
def test_too_little_for_all_processes_is_refused(count: int, size: int, samples: int | None) -> None:
    with pytest.raises(ConfigError, match=r"at least one utterance per process in every batch.*2 processes"):
        _sampler(count, BatchSize(size), Draw(samples), shard=Shard(0, 2))


@pytest.mark.parametrize("size", [(0, None), (3, 0)])
def test_empty_batches_are_refused(size: tuple[int, int | None]) -> None:
    with pytest.raises(ConfigError, match=r"is out of range\. Found: 0\. Allowed: a whole number of at least 1"):
        BatchSize(*size)
