"""A run's plain lines: an epoch each with the time that is left, and at the end what came of it."""

import logging
from types import SimpleNamespace

import torch

from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.tasks.callbacks.best_checkpoint import BestCheckpoint
from vibespeaker.tasks.callbacks.run_lines import RunLines


def trainer_of(*callbacks):
    return SimpleNamespace(
        callbacks=list(callbacks),
        current_epoch=0,
        max_epochs=3,
        is_global_zero=True,
        callback_metrics={},
    )


def run(folder, scores, each_epoch=True):
    best = BestCheckpoint(folder, {"val/macro_f1": "max"})
    trainer, lines = trainer_of(best), RunLines(folder, each_epoch)
    lines.on_train_start(trainer, None)
    for epoch, score in enumerate(scores):
        trainer.current_epoch = epoch
        trainer.callback_metrics = {"val/macro_f1": torch.tensor(score), "lr": torch.tensor(0.1)}
        if best.is_better({"val/macro_f1": score}):
            best.saved, best.epoch = {"val/macro_f1": score}, epoch + 1
            checkpoint_path(folder, "best").parent.mkdir(parents=True, exist_ok=True)
            checkpoint_path(folder, "best").touch()
        lines.on_train_epoch_end(trainer, None)
    trainer.current_epoch = len(scores)
    lines.on_fit_end(trainer, None)


def test_epochs_and_the_end_are_told(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        run(tmp_path, [0.2, 0.4, 0.3])
    first, *_, best, following = [record.getMessage() for record in caplog.records]
    assert first.startswith("epoch 1 of 3: val/macro_f1 0.2000; 0:0")
    assert first.endswith(" left")
    assert best == f"best: val/macro_f1 0.4000 in epoch 2 of 3, {tmp_path}/checkpoints/best.ckpt"
    assert following == f"next: vibespeaker predict --config {tmp_path}/config.yaml --ckpt_path best"


def test_where_a_bar_is_drawn_the_end_alone_is_told(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        run(tmp_path, [float("nan")], each_epoch=False)
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == f"trained for 1 epochs, the last state is {tmp_path}/checkpoints/last.ckpt"
    assert told[1].endswith("--ckpt_path last")
