"""Two and three gloo processes give what one gives."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from tests.tasks.conftest import Run
from vibespeaker.predictions import Predictions
from vibespeaker.tasks.checkpoints import checkpoint_path
from vibespeaker.tasks.cli import TrainerCLI
from vibespeaker.tasks.weights import read_checkpoint

#: Exact weights need an optimiser that is linear in the gradient.
SGD = """
model:
  init_args:
    optimizer: {class_path: torch.optim.SGD, init_args: {lr: 0.05}}
"""
CONCORDANCE = (
    SGD
    + """
    loss:
      terms:
        attributes: {class_path: vibespeaker.losses.ConcordanceLoss}
        categories:
          class_path: vibespeaker.losses.CrossEntropy
          init_args:
            weighting: {class_path: vibespeaker.losses.InverseFrequency}
      weights: {attributes: 1.0, categories: 0.5}
"""
)

MEMBERS = (
    CONCORDANCE
    + """
    network:
      class_path: vibespeaker.models.LateFusion
      init_args: {pooling: vibespeaker.models.pooling.MeanPooling}
"""
)


def _processes(count: int) -> list[str]:
    return [] if count == 1 else [f"--trainer.devices={count}", "--trainer.strategy=ddp_fork"]


def _saved(done: TrainerCLI) -> dict[str, Any]:
    return read_checkpoint(checkpoint_path(done.folder, "last"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "parameters"), [(SGD, 16), (CONCORDANCE, 16), (MEMBERS, 4)], ids=["means", "concordance", "members"]
)
def test_training_on_two_processes_equals_one(run: Run, config: str, parameters: int) -> None:
    one = run("fit", "--trainer.max_epochs=2", "--name=one", config=config)
    two = run("fit", "--trainer.max_epochs=2", "--name=two", *_processes(2), config=config)
    ours, theirs = _saved(two), _saved(one)
    assert ours["global_step"] == theirs["global_step"] == 10
    weights = {name: value for name, value in theirs["state_dict"].items() if name.startswith("network.")}
    assert len(weights) == parameters
    for name, value in weights.items():
        torch.testing.assert_close(ours["state_dict"][name], value, rtol=1e-4, atol=1e-6)
    for name in ("val/loss", "val/ccc_mean", "train/loss"):
        torch.testing.assert_close(
            two.trainer.callback_metrics[name], one.trainer.callback_metrics[name], rtol=1e-4, atol=1e-5
        )


@pytest.mark.slow
def test_scores_and_predictions_do_not_depend_on_the_number_of_processes(run: Run, tmp_path: Path) -> None:
    run("fit", "--trainer.max_epochs=2")
    best = "--ckpt_path=best"
    tables, scores = {}, {}
    for count in (1, 2, 3):
        # batches of 8: two in validation (13 utterances), one in the test part (7), so that processes stand idle
        validated = run("validate", best, *_processes(count))
        tested = run("test", best, *_processes(count))
        scores[count] = {**validated.trainer.callback_metrics, **tested.trainer.callback_metrics}
        table = tmp_path / f"{count}.parquet"
        run("predict", best, f"--out={table}", *_processes(count))
        tables[count] = Predictions.read(table).frame
    assert set(scores[1]) >= {"val/macro_f1", "val/loss", "test/macro_f1", "test/ccc_mean"}
    assert scores[2] == scores[1]
    assert scores[3] == scores[1]
    assert tables[1]["utterance_id"].tolist() == [f"toy/{i:03d}" for i in range(62)]
    pd.testing.assert_frame_equal(tables[2], tables[1], check_exact=True)
    pd.testing.assert_frame_equal(tables[3], tables[1], check_exact=True)
