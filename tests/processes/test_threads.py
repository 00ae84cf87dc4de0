import pytest
import torch

from vibespeaker.processes.threads import THREADS, cores, restored_threads, small_work, take_threads_for


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


@pytest.mark.parametrize(
    ("systems", "threads"),
    [([torch.nn.Linear(3, 4)], 1), ([torch.nn.Linear(2000, 2001)], 3), ([torch.nn.Linear(3, 4), "a system"], 3)],
)
def test_small_networks_take_one_thread_and_others_keep_all(several, monkeypatch, systems, threads):
    monkeypatch.delenv(THREADS, raising=False)
    with restored_threads():
        take_threads_for(*systems)
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 3
