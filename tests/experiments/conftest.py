"""A small spoken corpus, and what fits a shipped experiment on it for two steps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.recordings import record
from tests.toy import ON_A_PROCESSOR, toy_manifest
from vibespeaker.config_files import find_config
from vibespeaker.trainer.cli import TrainerCLI, run_trainer
from vibespeaker.trainer.layers import layers

Fit = Callable[..., TrainerCLI]
TINY = [
    *ON_A_PROCESSOR,
    "--trainer.limit_train_batches=2",
    "--trainer.max_epochs=1",
    "--trainer.accumulate_grad_batches=1",
    "--data.init_args.batch_size=6",
    "--data.init_args.evaluation_batch_size=6",
]


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Manifest of 24 tones in noise of 0.4 to 2.5 s, each with words, genders, emotions and attributes."""
    folder = tmp_path_factory.mktemp("spoken")
    manifest = toy_manifest({"train": 12, "development": 6, "test": 6}, root=str(folder))
    random = np.random.default_rng(0)
    rows = []
    for name in manifest.column("audio"):
        samples = int(random.integers(6_400, 40_000))
        tone = np.sin(np.arange(samples) * random.uniform(0.05, 0.2)) * 0.3 + random.normal(0, 0.05, samples)
        rows.append(record(folder, Path(name).stem, tone))
    changed = {name: [row[name] for row in rows] for name in ("audio_sha256", "duration")}
    genders = ["female" if row % 2 else "male" for row in range(len(rows))]
    manifest.with_columns({**changed, "gender": genders}).write(folder / "manifest.parquet")
    return folder / "manifest.parquet"


@pytest.fixture
def fit(spoken: Path, tmp_path: Path) -> Fit:
    """Run a trainer command with a shipped experiment, its run folder `runs/EXPERIMENT` in the test's own folder."""

    def call(command: str, name: str, *options: str, changes: dict[str, Any] | None = None) -> TrainerCLI:
        (tmp_path / "changes.yaml").write_text(yaml.safe_dump(changes or {"name": name}, sort_keys=False))
        words = ["--config", f"experiment/{name}", *TINY, f"--config={tmp_path / 'changes.yaml'}"]
        own = [f"--data.init_args.manifest={spoken}", f"--runs={tmp_path / 'runs'}", f"--name={name}"]
        return run_trainer([command, *words, *own, *options])

    return call


def resolved(name: str) -> dict[str, Any]:
    """Return what a shipped experiment says with the files that it builds on."""
    tree: dict[str, Any] = {}
    for layer in layers(find_config(f"experiment/{name}")):
        merge(tree, yaml.safe_load(layer.read_text()))
    return tree


def merge(into: dict[str, Any], above: dict[str, Any]) -> None:
    """Put a config on top of another, as the trainer does."""
    if "class_path" in above and above["class_path"] != into.get("class_path"):
        into.pop("init_args", None)  # another class takes other arguments
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
