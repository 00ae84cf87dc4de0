"""The mean of several states: its numbers, what it is good for, and what has none."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tasks.conftest import Run, runner
from tests.toy import Toy
from vibespeaker.errors import CheckpointError
from vibespeaker.models.averaging import average, mean_state
from vibespeaker.models.checkpoint import read_checkpoint
from vibespeaker.predictions import Predictions
from vibespeaker.systems import open_system

#: The state behind every epoch stays, beside best and last.
KEEPING = (
    "--trainer.callbacks+={class_path: ModelCheckpoint, init_args: {monitor: step, mode: max, save_top_k: 3, "
    "filename: '{epoch}'}}"
)


@pytest.fixture(scope="module")
def kept(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What runs commands on a run that kept three states."""
    run = runner(toy, tmp_path_factory.mktemp("kept"))
    folder = run("fit", "--trainer.max_epochs=3", KEEPING).folder
    assert sorted(file.name for file in (folder / "checkpoints").glob("e*")) == [f"epoch={i}.ckpt" for i in range(3)]
    return run


def test_the_mean_of_a_run_answers_like_a_network_with_the_mean_weights(kept: Run, tmp_path: Path) -> None:
    out = tmp_path / "mean.ckpt"
    folder = kept("validate").folder
    assert average([folder], out=out) == 0
    states = [read_checkpoint(folder / "checkpoints" / f"epoch={epoch}.ckpt")["state_dict"] for epoch in range(3)]
    content = read_checkpoint(out)  # which compares the hash of the weights
    assert content["global_step"] == 15
    assert "optimizer_states" not in content
    for name, value in content["state_dict"].items():
        if isinstance(value, torch.Tensor):
            expected = np.mean([state[name].double().numpy() for state in states], axis=0)
            np.testing.assert_allclose(value.numpy(), expected, rtol=1e-6, atol=1e-8)
    table = tmp_path / "table.parquet"
    kept("predict", f"--ckpt_path={out}", f"--out={table}")
    assert np.isfinite(Predictions.read(table).logits()).all()
    assert open_system(out).identity == Predictions.read(table).metadata.checkpoint

    assert average([folder], out=tmp_path / "two.ckpt", newest=2) == 0
    newest = read_checkpoint(tmp_path / "two.ckpt")["state_dict"]["network.head.linear.weight"]
    torch.testing.assert_close(newest, (states[1] | {})["network.head.linear.weight"].add(
        states[2]["network.head.linear.weight"]) / 2)  # fmt: skip
    with pytest.raises(CheckpointError, match="start a new run from them"):
        kept("fit", "--name=other", f"--ckpt_path={out}")


def test_states_without_a_mean_are_refused(kept: Run, tmp_path: Path) -> None:
    folder = kept("validate").folder / "checkpoints"
    with pytest.raises(CheckpointError, match=r"at least two states.*save_top_k"):
        average([folder / "best.ckpt"], out=tmp_path / "mean.ckpt")
    content = torch.load(folder / "last.ckpt", weights_only=True)
    content["hyper_parameters"]["network"]["init_args"]["lstm_dim"] = 9
    torch.save(content, tmp_path / "last.ckpt")
    with pytest.raises(CheckpointError, match="of different systems have no mean"):
        average([folder / "last.ckpt", tmp_path / "last.ckpt"], out=tmp_path / "mean.ckpt")
    with pytest.raises(CheckpointError, match=r"holds no states other than best and last.*save_top_k"):
        average([tmp_path], out=tmp_path / "mean.ckpt")
    assert not (tmp_path / "mean.ckpt").exists()


def test_means_of_numbers_statistics_and_extra_states() -> None:
    norm = {"norm.running_mean": torch.tensor([1.0]), "norm.num_batches_tracked": torch.tensor(3)}
    one = {"weight": torch.tensor([1.0, 2.0]), "half": torch.tensor([1.0], dtype=torch.bfloat16), **norm, "extra": {}}
    two = {
        **one,
        "weight": torch.tensor([2.0, 4.0]),
        "half": torch.tensor([2.0], dtype=torch.bfloat16),
        "extra": {1: 2},
    }
    mean = mean_state({"a": one, "b": two})
    torch.testing.assert_close(mean["weight"], torch.tensor([1.5, 3.0]))
    torch.testing.assert_close(mean["half"], torch.tensor([1.5], dtype=torch.bfloat16))
    assert mean["norm.num_batches_tracked"] == 3  # of a frozen norm, the same in all
    assert mean["extra"] == {1: 2}
    for name, other in (("norm.running_mean", torch.tensor([1.1])), ("norm.num_batches_tracked", torch.tensor(4))):
        with pytest.raises(CheckpointError, match=rf"running statistics, as of batch norm.*Found: {name}"):
            mean_state({"a": one, "b": {**two, name: other}})
    with pytest.raises(CheckpointError, match="a and b: weight"):
        mean_state({"a": one, "b": {**two, "weight": torch.zeros(3)}})
