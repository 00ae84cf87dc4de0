"""Lent memory: used again only when nobody sees it, and batches in it equal those in fresh memory."""

import pickle
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vibespeaker.data import memory
from vibespeaker.data.dataset import stack_frames
from vibespeaker.data.memory import LentMemory, batch_memory
from vibespeaker.encoders.base import pad_frames


def _address(lender: LentMemory, size: int) -> int:
    return lender.lend(size).ctypes.data


def test_memory_comes_back_when_no_view_of_a_batch_is_left() -> None:
    lender = LentMemory()
    tensor = torch.from_numpy(lender.lend(4096)).view(torch.float32).view(32, 32)
    address, row = tensor.data_ptr(), tensor[3:]
    del tensor
    assert _address(lender, 4096) != address
    row.fill_(7.0)
    del row
    assert address in {array.ctypes.data for array in [lender.lend(4096), lender.lend(4096)]}


def test_a_short_batch_does_not_hold_a_long_ones_memory() -> None:
    lender = LentMemory()
    address = _address(lender, 4096)
    assert _address(lender, 2047) != address
    assert _address(lender, 2048) == address


def test_little_memory_waits() -> None:
    lender = LentMemory(waiting_bytes=5000)
    arrays = [lender.lend(size) for size in (2000, 2001, 2002)]
    addresses = [array.ctypes.data for array in arrays]
    while arrays:
        arrays.pop(0)
    lender.lend(1)
    assert [waiting.nbytes for waiting in lender._waiting] == [2001, 2002]
    assert _address(lender, 1500) == addresses[1]


def test_threads_never_share_memory() -> None:
    lender, problems = LentMemory(), []

    def work(number: int) -> None:
        for _ in range(200):
            tensor = torch.from_numpy(lender.lend(1024))
            tensor.fill_(number)
            if not bool((tensor == number).all()):
                problems.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_another_process_starts_without_memory() -> None:
    lender = LentMemory(waiting_bytes=5000)
    lender.lend(100)
    copy = pickle.loads(pickle.dumps(lender))
    assert (copy.waiting_bytes, copy._waiting, list(copy._returned)) == (5000, [], [])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=5), min_size=1, max_size=5), st.integers(1, 4))
def test_batches_in_used_memory_equal_those_in_fresh_memory(batches: list[list[int]], dim: int) -> None:
    for lengths in batches:
        sequences = [torch.randn(length, dim).bfloat16() for length in lengths]
        stacked, plain = stack_frames(sequences), pad_frames(sequences)
        assert torch.equal(stacked.values, plain.values)
        assert torch.equal(stacked.lengths, plain.lengths)


def test_reading_processes_fill_memory_that_training_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not batch_memory((2, 3), torch.bfloat16).is_shared()
    monkeypatch.setattr(memory, "get_worker_info", lambda: object())
    shared = batch_memory((2, 3), torch.bfloat16)
    assert shared.is_shared()
    assert (shared.shape, shared.dtype, shared.is_contiguous()) == ((2, 3), torch.bfloat16, True)
