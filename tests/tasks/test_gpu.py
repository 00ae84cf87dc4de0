"""What a GPU computes is what the processor computes: learning in closed form and step by step, and answers."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tasks.conftest import Run, runner
from tests.toy import Toy
from vibespeaker.config_files import find_config
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.models.checkpoint import read_checkpoint
from vibespeaker.predictions import Predictions

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
]

ON_A_GPU = "--trainer.accelerator=gpu"
SHIPPED = f"--config={find_config('trainer/gpu')}"
SOLVED = """
model:
  init_args:
    network:
      class_path: vibespeaker.models.LateFusion
      init_args:
        ridge: {descriptors: {penalty: 1.0}}
        pooling: vibespeaker.models.MeanPooling
        poolings:
          descriptors: {class_path: vibespeaker.models.FisherVectors, init_args: {components: 3}}
    loss:
      terms: {categories: {class_path: vibespeaker.losses.CrossEntropy}}
      weights: {categories: 1.0}
"""


@pytest.mark.parametrize("config", ["", SOLVED], ids=["step by step", "closed form"])
def test_a_gpu_learns_what_the_processor_learns(run: Run, spoken: Toy, config: str) -> None:
    found = _weights(run("fit", "--name=gpu", ON_A_GPU, config=config, data=spoken).folder)
    expected = _weights(run("fit", "--name=processor", config=config, data=spoken).folder)
    assert found.keys() == expected.keys()
    for name, weight in found.items():
        assert weight.device.type == "cpu"  # a checkpoint opens on machines without a GPU
        torch.testing.assert_close(
            weight, expected[name], rtol=1e-2, atol=1e-3, msg=lambda text, name=name: name + text
        )


@pytest.mark.parametrize("config", ["", SOLVED], ids=["step by step", "closed form"])
def test_half_precision_learns_nearly_the_same(run: Run, spoken: Toy, config: str) -> None:
    found = _weights(run("fit", "--name=gpu", SHIPPED, config=config, data=spoken).folder)
    expected = _weights(run("fit", "--name=processor", config=config, data=spoken).folder)
    for name, weight in found.items():
        assert weight.isfinite().all(), name
        difference, size = (torch.linalg.norm(one.double()) for one in (weight - expected[name], expected[name]))
        assert difference <= 0.05 * size + 1e-3, name


def test_answers_are_those_of_the_processor(toy: Toy, tmp_path: Path) -> None:
    run = runner(toy, tmp_path)
    run("fit", "--trainer.max_epochs=1")
    tables = []
    for name, options in {"processor": (), "gpu": (ON_A_GPU,), "mixed": (SHIPPED,)}.items():
        out = tmp_path / f"{name}.parquet"
        run("predict", "--ckpt_path=best", f"--out={out}", *options)
        tables.append(Predictions.read(out))
    for table, tolerance in zip(tables[1:], (1e-3, 5e-2), strict=True):
        assert table.frame["utterance_id"].tolist() == tables[0].frame["utterance_id"].tolist()
        np.testing.assert_allclose(table.logits(), tables[0].logits(), atol=tolerance)
        np.testing.assert_allclose(table.attributes(), tables[0].attributes(), atol=tolerance)


def test_a_run_goes_on_where_it_was_stopped(run: Run, spoken: Toy) -> None:
    whole = run("fit", "--name=whole", ON_A_GPU, "--trainer.max_epochs=2", data=spoken)
    run("fit", "--name=halves", ON_A_GPU, "--trainer.max_epochs=1", data=spoken)
    halves = run("fit", "--name=halves", ON_A_GPU, "--trainer.max_epochs=2", "--ckpt_path=last", data=spoken)
    assert halves.trainer.global_step == whole.trainer.global_step
    expected = _weights(whole.folder)
    for name, weight in _weights(halves.folder).items():
        torch.testing.assert_close(weight, expected[name], rtol=1e-3, atol=1e-4)


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return the weights of a run's last state."""
    state = read_checkpoint(checkpoint_path(folder, "last"))["state_dict"]
    return {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
