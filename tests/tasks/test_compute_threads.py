"""A small network on one thread under the trainer, a large one on all, and all are given back."""

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer

from vibespeaker.processes.threads import THREADS
from vibespeaker.tasks.callbacks.compute_threads import ComputeThreads


@pytest.mark.parametrize(("width", "threads"), [(3, 1), (5000, 3)])
@pytest.mark.parametrize("begin", ["on_fit_start", "on_validation_start", "on_test_start", "on_predict_start"])
def test_threads_follow_the_network(monkeypatch, width, threads, begin):
    monkeypatch.delenv(THREADS, raising=False)
    module = LightningModule()
    module.layer = torch.nn.Linear(width, 1000)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        callback, trainer = ComputeThreads(), Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
        callback.setup(trainer, module, "fit")
        getattr(callback, begin)(trainer, module)
        assert torch.get_num_threads() == threads
        callback.teardown(trainer, module, "fit")
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
