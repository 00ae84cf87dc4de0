"""Clipping gradients at the published configs' precision, with their fused optimiser."""

from typing import Any

import pytest
import torch

from tests.tasks.conftest import Run
from vibespeaker.tasks import EmotionTask

FUSED = "model: {init_args: {optimizer: {class_path: torch.optim.AdamW, init_args: {lr: 0.01, fused: true}}}}"


def test_gradients_are_clipped_before_a_fused_step(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    norms = []

    def keep_norm(task: EmotionTask, *_: Any) -> None:
        gradients = [parameter.grad for parameter in task.parameters() if parameter.grad is not None]
        norms.append(float(torch.stack([gradient.norm() for gradient in gradients]).norm()))

    monkeypatch.setattr(EmotionTask, "on_train_batch_end", keep_norm, raising=False)
    options = ["--trainer.max_epochs=1", "--trainer.precision=bf16-mixed", "--trainer.gradient_clip_val=0.001"]
    run("fit", *options, config=FUSED)
    assert norms == pytest.approx([0.001] * 5, rel=1e-2)
