"""Runs of the trainer commands on toy data."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.toy import SMALL_TASK, Toy, make_toy
from vibespeaker.trainer.cli import TrainerCLI, run_trainer

Run = Callable[..., TrainerCLI]
NINE = """
data:
  init_args:
    label_set: challenge+other
    policy: {other: class}
"""


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """37 utterances to train on, 13 to validate, 7 to test and 5 without labels: nothing divides."""
    return make_toy(tmp_path_factory.mktemp("toy"), {"train": 37, "development": 13, "test": 7, "test3": 5}, others=4)


@pytest.fixture
def run(toy: Toy, tmp_path: Path) -> Run:
    """Run a trainer command with a small network, in the run folder `runs/toy` of the test's own folder."""
    return runner(toy, tmp_path)


def runner(toy: Toy, folder: Path) -> Run:
    """Return what runs a trainer command with a small network, in the run folder `runs/toy` of `folder`."""
    (folder / "task.yaml").write_text(SMALL_TASK)

    def call(command: str, *options: str, config: str = "", data: Toy = toy) -> TrainerCLI:
        (folder / "extra.yaml").write_text(config or "name: toy\n")
        layers = [f"--config={folder / 'task.yaml'}", *data.arguments(), "--data.init_args.batch_size=8"]
        own = [f"--config={folder / 'extra.yaml'}", f"--runs={folder / 'runs'}", "--name=toy"]
        return run_trainer([command, *layers, *own, *options])

    return call


@pytest.fixture
def fitted(run: Run) -> Path:
    """Run folder after two epochs with nine classes."""
    return run("fit", "--trainer.max_epochs=2", config=NINE).folder
