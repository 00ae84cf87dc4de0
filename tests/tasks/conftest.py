"""Runs of the trainer commands on toy data."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.recordings import record
from tests.toy import SMALL_TASK, Toy, make_toy, toy_manifest
from vibespeaker.extract import extract
from vibespeaker.trainer.cli import TrainerCLI, run_trainer

Run = Callable[..., TrainerCLI]
NINE = """
data:
  init_args:
    label_set: challenge+other
    policy: {other: class}
"""

EMBEDDED = {
    "descriptors": {"class_path": "vibespeaker.encoders.AcousticDescriptors", "init_args": {"mels": 16}},
    "words": {"class_path": "vibespeaker.encoders.HashedText", "init_args": {"dim": 16}},
}


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


@pytest.fixture(scope="session")
def trained(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run folder after two epochs with nine classes, which nobody changes."""
    run = runner(toy, tmp_path_factory.mktemp("trained"))
    return run("fit", "--trainer.max_epochs=2", config=NINE).folder


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """Half-second tones and noise with texts, and their frames from the embedded encoders."""
    folder = tmp_path_factory.mktemp("spoken")
    manifest = toy_manifest({"train": 12, "development": 5}, root=str(folder))
    random = np.random.default_rng(0)
    rows = []
    for name in manifest.column("audio"):
        samples = int(random.integers(6_000, 12_000))
        tone = np.sin(np.arange(samples) * random.uniform(0.05, 0.2)) * 0.3 + random.normal(0, 0.05, samples)
        rows.append(record(folder, Path(name).stem, tone))
    spoken = manifest.with_columns({name: [row[name] for row in rows] for name in ("audio_sha256", "duration")})
    toy = Toy(folder / "manifest.parquet", folder / "cache")
    spoken.write(toy.manifest)
    (folder / "encoders.yaml").write_text(yaml.safe_dump(EMBEDDED, sort_keys=False))
    assert extract(toy.manifest, folder / "encoders.yaml", toy.cache, device="cpu", workers=0) == 0
    return toy


def live_config(encoders: dict[str, dict[str, object]]) -> str:
    """Give the config that runs encoders inside the model and switches the cache off."""
    config = {"data": {"init_args": {"cache": None}}, "model": {"init_args": {"encoders": encoders}}}
    return yaml.safe_dump(config, sort_keys=False)


@pytest.fixture
def fitted(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained run folder, where `run` has its own."""
    return Path(shutil.copytree(trained, tmp_path / "runs" / "toy"))
