import json
from types import SimpleNamespace

import pytest

from tests.tasks.conftest import Run
from vibespeaker.tasks.callbacks import cost_record
from vibespeaker.tasks.callbacks.cost_record import CostRecord


class Clock:
    """Time that passes when told."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Stub:
    """As much of trainer and module as is measured: two processes of which this is the first."""

    world_size, is_global_zero, ckpt_path = 2, True, None
    device = SimpleNamespace(type="cpu")

    def parameters(self):
        return []


def train(record, clock, epochs=1, stub=None):
    stub = stub or Stub()
    record.on_fit_start(stub, stub)
    for _ in range(epochs):
        record.on_train_epoch_start(stub, stub)
        for size in (4, 3):
            clock.now += 5
            record.on_train_batch_end(stub, stub, None, range(size), 0)
        record.on_validation_start(stub, stub)
        clock.now += 90
        record.on_validation_end(stub, stub)
        record.on_train_epoch_end(stub, stub)


@pytest.fixture
def clock(monkeypatch):
    stopped = Clock()
    monkeypatch.setattr(cost_record.time, "perf_counter", stopped)
    return stopped


def test_validation_takes_time_but_does_not_slow_training(tmp_path, clock):
    train(CostRecord(tmp_path), clock, epochs=2)
    found = json.loads((tmp_path / "cost.json").read_text())
    assert (found["seconds"], found["training_seconds"], found["clips"]) == (200, 20, 28)
    assert found["clips_per_second"] == pytest.approx(1.4)
    assert found["peak_memory_bytes"] > 10_000_000
    assert found["peak_device_memory_bytes"] is None


def test_a_resumed_run_goes_on_counting_and_a_new_one_does_not(tmp_path, clock):
    train(CostRecord(tmp_path), clock)
    resumed = Stub()
    resumed.ckpt_path = "last.ckpt"
    train(CostRecord(tmp_path), clock, stub=resumed)
    assert json.loads((tmp_path / "cost.json").read_text())["clips"] == 28
    train(CostRecord(tmp_path), clock)
    assert json.loads((tmp_path / "cost.json").read_text())["clips"] == 14


def test_a_run_folder_says_what_training_took(run: Run, tmp_path):
    cli = run("fit", "--trainer.max_epochs=1")
    found = json.loads((tmp_path / "runs" / "toy" / "cost.json").read_text())
    assert found["clips"] == 33  # 37 to train on, of which four have no class of the label set
    assert found["seconds"] >= found["training_seconds"] > 0
    assert found["trained_parameters"] == sum(parameter.numel() for parameter in cli.model.parameters())
