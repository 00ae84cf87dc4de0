"""Two and three gloo processes give what one gives."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from tests.tasks.conftest import Run
from tests.toy import make_toy
from vibespeaker.config_files import find_config
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.models.checkpoint import read_checkpoint
from vibespeaker.predictions import Predictions
from vibespeaker.trainer.cli import TrainerCLI

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
#: One of the members is found in closed form, from the whole split on whatever number of processes.
SOLVED = MEMBERS.replace("pooling.MeanPooling}", "pooling.MeanPooling, ridge: {read: {}}}")
#: The head of the paper, in small.
PUBLISHED = (
    f"bases: [{find_config('model/published')}]\n"
    + SGD
    + """
    network:
      init_args: {projection_dim: 8, lstm_dim: 8}
"""
)
#: Parts of the 2025 winners: votes of all clips, CCC + MSE, mixup, balanced then natural sampling, gates, attention.
PARTS = (
    SGD
    + """
    mixup: {alpha: 0.4}
    loss:
      terms:
        votes: {class_path: vibespeaker.losses.VotesDivergence}
        concordance: {class_path: vibespeaker.losses.ConcordanceLoss}
        squares: {class_path: vibespeaker.losses.AttributeMSE}
      weights: {votes: 1.0, concordance: 1.0, squares: 0.1}
    network:
      init_args:
        fusion: {class_path: vibespeaker.models.GatedFusion, init_args: {hidden_dim: 6}}
        cross_attention: {class_path: vibespeaker.models.CrossAttention, init_args: {attention_dim: 8, heads: 2}}
data:
  init_args:
    policy: {no_agreement: soft, other: soft}
    balance: 1.0
    balanced_epochs: 1
"""
)


def _processes(count: int) -> list[str]:
    return [] if count == 1 else [f"--trainer.devices={count}", "--trainer.strategy=ddp_fork"]


def _saved(done: TrainerCLI) -> dict[str, Any]:
    return read_checkpoint(checkpoint_path(done.folder, "last"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "parameters", "count"),
    [
        *((config, parameters, count) for count in (2, 3) for config, parameters in ((SGD, 16), (CONCORDANCE, 16))),
        *((MEMBERS, 4, count) for count in (2, 3)),
        (SOLVED, 7, 2),
        pytest.param(PUBLISHED, 22, 2, id="published head"),
        pytest.param(PARTS, 34, 2, id="parts of the winners"),
    ],
)
def test_training_on_several_processes_equals_one(run: Run, config: str, parameters: int, count: int) -> None:
    one = run("fit", "--trainer.max_epochs=2", "--name=one", config=config)
    several = run("fit", "--trainer.max_epochs=2", "--name=several", *_processes(count), config=config)
    ours, theirs = _saved(several), _saved(one)
    assert ours["global_step"] == theirs["global_step"] == 10
    weights = {name: value for name, value in theirs["state_dict"].items() if name.startswith("network.")}
    assert len(weights) == parameters
    for name, value in weights.items():
        torch.testing.assert_close(ours["state_dict"][name], value, rtol=1e-4, atol=1e-6)
    for name in ("val/loss", "val/ccc_mean", "train/loss"):
        torch.testing.assert_close(
            several.trainer.callback_metrics[name], one.trainer.callback_metrics[name], rtol=1e-4, atol=1e-5
        )


@pytest.mark.slow
def test_scores_and_predictions_do_not_depend_on_the_number_of_processes(run: Run, tmp_path: Path) -> None:
    run("fit", "--trainer.max_epochs=2")
    best = "--ckpt_path=best"
    tables, scores = {}, {}
    for count in (1, 2, 3):
        # batches of 8: two in validation (13 utterances), one in the test split (7), so that processes stand idle
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


@pytest.mark.slow
def test_fewer_utterances_than_processes(run: Run, tmp_path: Path) -> None:
    """One utterance to validate and two to test: of three processes two, or one, have none of their own."""
    few = make_toy(tmp_path / "few", {"train": 6, "development": 1, "test": 2})
    run("fit", "--trainer.max_epochs=1", data=few)
    options = ["--ckpt_path=best", "--data.init_args.evaluation_batch_size=1"]
    tables, scores = {}, {}
    for count in (1, 2, 3):
        done = [run(command, *options, *_processes(count), data=few) for command in ("validate", "test")]
        scores[count] = {name: value for one in done for name, value in one.trainer.callback_metrics.items()}
        split = "--data.init_args.splits.predict=[test]"
        run("predict", *options, split, f"--out={tmp_path / f'{count}.parquet'}", *_processes(count), data=few)
        tables[count] = Predictions.read(tmp_path / f"{count}.parquet").frame
    assert {"val/loss", "test/macro_f1"} <= set(scores[1])
    assert tables[1]["utterance_id"].tolist() == ["toy/007", "toy/008"]
    for count in (2, 3):
        assert scores[count] == scores[1]
        pd.testing.assert_frame_equal(tables[count], tables[1], check_exact=True)
