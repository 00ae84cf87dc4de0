"""What commands import: help answers at once, and commands over tables never load a network's libraries."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.report.conftest import World
from tests.toy import toy_manifest
from vibespeaker.labels import CHALLENGE
from vibespeaker.predictions import Predictions, PredictionsMetadata
from vibespeaker.submission.challenge import TEST_FILES

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = {"torch", "lightning", "transformers", "speechbrain", "torchaudio"}
RUN = """
import sys
from vibespeaker.cli.main import main
try:
    status = main(sys.argv[1:])
except SystemExit as stop:
    status = stop.code
print("imported", *sorted({name.partition(".")[0] for name in sys.modules}))
sys.exit(status)
"""


def imported_by(*arguments: str | Path) -> set[str]:
    """Run a command in a fresh interpreter and return the packages that it imported."""
    command = [sys.executable, "-c", RUN, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_the_list_of_commands_needs_the_standard_library_alone() -> None:
    third_party = imported_by("--help") - set(sys.stdlib_module_names) - {"vibespeaker", "__main__"}
    assert not [name for name in third_party if not name.startswith(("_", "sitecustomize"))]


@pytest.mark.parametrize("command", ["submit", "fit", "report", "recognize", "app"])
def test_help_needs_no_network(command: str) -> None:
    assert not imported_by(command, "--help") & NETWORKS


@pytest.mark.parametrize("command", ["stats", "check", "split"])
def test_commands_on_manifests_import_tables_alone(command: str, tmp_path: Path) -> None:
    toy_manifest({"train": 8, "development": 4}).write(tmp_path / "manifest.parquet")
    out = ["--out", tmp_path / "split.parquet"] if command == "split" else []
    imported = imported_by(command, tmp_path / "manifest.parquet", *out)
    assert not imported & {*NETWORKS, "scipy", "matplotlib", "soundfile", "sklearn"}


@pytest.mark.slow
def test_submit_ensemble_and_report_do_their_work_without_networks(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    names = [f"m/{name}" for name in TEST_FILES]
    for name in ("one", "two"):
        metadata = PredictionsMetadata("challenge", CHALLENGE.classes, name, provenance={"corpora": ["msp-podcast"]})
        heads = draw.normal(size=(len(names), 8)), draw.uniform(1, 7, (len(names), 3))
        table = Predictions.build(names, list(TEST_FILES), ["test3"] * len(names), *heads, metadata)
        table.write(tmp_path / f"{name}.parquet")
    both = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    assert not imported_by("ensemble", *both, "--out", tmp_path / "both.parquet") & NETWORKS
    assert not imported_by("submit", tmp_path / "both.parquet", "--out", tmp_path / "submission") & NETWORKS
    assert (tmp_path / "submission" / "task1.csv").is_file()
    world = World(tmp_path)
    world.run("full")
    options = ["--out", tmp_path / "report", "--draws", "20"]
    assert not imported_by("report", tmp_path / "runs", *options) & NETWORKS
    assert (tmp_path / "report" / "index.html").is_file()
    assert json.loads((tmp_path / "runs" / "full" / "run.json").read_text())
