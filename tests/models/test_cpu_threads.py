"""Utterances on threads: the same numbers as on one, and nothing left behind."""

import threading

import pytest
import torch

from tests.models.conftest import make_frames
from vibespeaker.models import cpu_threads, packed
from vibespeaker.models.cpu_threads import FEWEST_FRAMES, PIECES, compute
from vibespeaker.models.pooling import AttentiveStatisticsPooling


@pytest.fixture
def threads(monkeypatch):
    monkeypatch.setattr(cpu_threads, "FEWEST_FRAMES", 1)
    monkeypatch.setattr(packed, "FEWEST_VALUES", 0)
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 3])
def test_every_utterance_is_computed_once_in_pieces_of_similar_size(threads, count):
    threads(count)
    lengths = [5, 400, 30, 7] * 10
    pieces = compute(lambda piece: piece, lengths)
    assert sorted(position for piece in pieces for position in piece) == list(range(40))
    assert len(pieces) == PIECES
    sizes = [sum(lengths[position] for position in piece) for piece in pieces]
    assert max(sizes) - min(sizes) <= 400


def test_threads_compute_alone_and_without_gradients(threads):
    threads(3)
    modes = compute(lambda _: (torch.get_num_threads(), torch.is_grad_enabled()), [1] * 20)
    assert set(modes) == {(1, False)}
    assert torch.get_num_threads() == 3
    assert torch.is_grad_enabled()
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]


def test_a_small_batch_starts_no_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        small = compute(lambda _: threading.current_thread(), [FEWEST_FRAMES // 2, 1])
        large = compute(lambda _: threading.current_thread(), [FEWEST_FRAMES, 1])
    finally:
        torch.set_num_threads(before)
    assert set(small) == {threading.current_thread()}
    assert threading.current_thread() not in large


def test_a_mistake_is_not_swallowed_and_threads_are_restored(threads):
    threads(2)
    with pytest.raises(ZeroDivisionError):
        compute(lambda piece: 1 // 0, [1, 2, 3])
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("grad_mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_pooling_is_the_same_on_any_number_of_threads(threads, grad_mode):
    torch.manual_seed(0)
    pooling = AttentiveStatisticsPooling(6, 4, global_context=False, batch_norm=False)
    frames = make_frames([9, 1, 30, 17, 4, 8, 2, 2, 40, 5, 3], 6)
    results = []
    for count in (1, 2, 5):
        threads(count)
        pooling.zero_grad()
        with grad_mode():
            pooled = pooling(frames)
        if pooled.requires_grad:
            pooled.square().sum().backward()
        results.append([pooled, *(weight.grad.clone() for weight in pooling.parameters() if weight.grad is not None)])
    assert len(results[0]) == (4 if grad_mode is torch.enable_grad else 1)
    for other in results[1:]:
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(results[0], other, strict=True))
