import json
import re
import subprocess
import sys
from dataclasses import replace

import pyarrow as pa
import pytest

from tests.report.conftest import World
from vibespeaker.cli.main import main
from vibespeaker.manifest import Manifest


def run(world, *options):
    return main(["report", str(world.folder / "runs"), "--out", str(world.folder / "out"), "--draws", "50", *options])


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """Two runs with their report, and what its files held when it was written a first time."""
    world = World(tmp_path_factory.mktemp("reported"))
    world.run("full", skill=0.7)
    world.run("audio-only", skill=0.4)
    assert run(world, "--title", "Two runs") == 0
    first = {path.name: path.read_bytes() for path in (world.folder / "out").rglob("*") if path.is_file()}
    assert run(world, "--title", "Two runs") == 0
    return world.folder / "out", first


def test_a_report_of_two_runs(reported):
    out, _ = reported
    text = (out / "report.md").read_text()
    sections = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert sections == [
        *("Scores", "Categories", "Attributes", "Calibration", "Comparisons", "Groups"),
        *("Learning curves", "Epochs", "Cost", "How it was made"),
    ]
    assert "2 systems, 240 utterances of 12 speakers, split test." in text
    assert "| majority/mean |" in text
    assert "| full | abc123 | 0.1.0 | torch 2.14.1 |" in text
    assert "| full | 11 min |" in text
    html = (out / "index.html").read_text()
    assert html.count("data:image/svg+xml") == len(list((out / "figures").iterdir())) > 10
    assert json.loads((out / "evaluation.json").read_text())["synthetic"] is True


def test_that_the_speech_is_synthetic_is_said_once_and_first(reported):
    text = (reported[0] / "report.md").read_text()
    assert text.lower().count("synthetic") == 1
    assert text.splitlines()[4].startswith("> **Synthetic speech")
    html = (reported[0] / "index.html").read_text()
    assert html.lower().count("synthetic") == 1
    assert html.index("Synthetic speech") < html.index("<h1>")


def test_every_picture_says_what_is_seen_with_numbers(reported):
    html = (reported[0] / "index.html").read_text()
    said = re.findall(r'<img [^>]*alt="([^"]*)"', html)
    assert len(said) == html.count("<img ") > 10
    assert all(re.search(r"\d", one) and len(one) > 30 for one in said)
    assert len(set(said)) == len(said)


def test_the_same_runs_give_the_same_bytes(reported):
    out, first = reported
    assert first == {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_real_speech_is_not_called_synthetic(make_world):
    world = make_world(synthetic=False)
    world.run("full")
    run(world)
    assert "synthetic" not in (world.folder / "out" / "report.md").read_text().lower()


def test_the_preferred_split_is_scored_and_another_on_demand(make_world):
    world = make_world(splits=("validation", "test"))
    world.run("full")
    run(world)
    assert "120 utterances of 12 speakers, split test." in (world.folder / "out" / "report.md").read_text()
    run(world, "--split", "validation")
    assert "split validation." in (world.folder / "out" / "report.md").read_text()


def test_the_tests_of_folds_are_scored_though_the_manifest_has_no_splits(make_world):
    world = make_world(splits=("test",))
    world.run("full", heads="categories")
    manifest = Manifest.read(world.manifest)
    place = manifest.table.schema.get_field_index("split")
    empty = pa.nulls(len(manifest), manifest.table.schema.field(place).type)
    replace(manifest, table=manifest.table.set_column(place, manifest.table.schema.field(place), empty)).write(
        world.manifest
    )
    run(world)
    assert "split test." in (world.folder / "out" / "report.md").read_text()


@pytest.mark.parametrize("heads", ["categories", "attributes"])
def test_systems_with_one_head(world, heads):
    world.run("one", heads=heads)
    run(world)
    text = (world.folder / "out" / "report.md").read_text()
    assert ("## Categories" in text) == (heads == "categories")
    assert ("## Attributes" in text) == (heads == "attributes")


def test_refusals(world, capsys):
    folder = world.run("full")
    assert run(world, "--split", "development") == 2
    assert "no prediction table has a split that can be scored. Found: test." in capsys.readouterr().err
    (folder / "predictions.parquet").unlink()
    assert run(world) == 2
    assert "hold no prediction tables" in capsys.readouterr().err
    world.predictions("x").write(folder / "predictions.parquet")
    config = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(config.replace("manifest.parquet", "gone.parquet"))
    assert run(world) == 2
    assert "gone.parquet, which does not exist. Remedy: give them with --manifest" in capsys.readouterr().err
    assert run(world, "--manifest", str(world.manifest)) == 0


def test_neither_torch_nor_lightning_is_imported():
    code = (
        "import sys, vibespeaker.report.command\n"
        "import vibespeaker.calibration.command, vibespeaker.calibration.prior_command\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'lightning', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
