import pytest
import torch

from vibespeaker.processes.threads import THREADS, cores, small_work


@pytest.fixture
def several():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("wanted", "threads"), [("", 1), ("2", 2), ("0", 1), ("many", 1)])
def test_small_work_takes_one_thread_unless_told_otherwise(several, monkeypatch, wanted, threads):
    monkeypatch.setenv(THREADS, wanted)
    with small_work():
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 3


def test_there_is_a_core():
    assert cores() >= 1
