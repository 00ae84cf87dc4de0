import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.toy import SMALL_TASK, make_toy
from vibespeaker.cli.main import main
from vibespeaker.files import file_sha256
from vibespeaker.models.checkpoint import open_checkpoint
from vibespeaker.predictions import PredictionsMetadata
from vibespeaker.provenance.record import TRAINED_HEADS


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options of a run that is trained."""
    folder = tmp_path_factory.mktemp("run")
    toy = make_toy(folder, {"train": 8, "validation": 8, "test": 8})
    (folder / "config.yaml").write_text(SMALL_TASK)
    options = ["--config", str(folder / "config.yaml"), *toy.arguments(), "--name", "a", "--runs", str(folder / "runs")]
    assert main(["fit", *options, "--trainer.max_epochs=1"]) == 0
    return options


def test_predictions_go_where_they_may(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(command[1]).parent
    manifest = folder / "manifest.parquet"
    os.symlink(manifest, tmp_path / "link.parquet")
    before = {path: file_sha256(path) for path in folder.rglob("*") if path.is_file()}
    predict = ["predict", *command, "--ckpt_path", "last"]
    refused = {
        tmp_path / "p.txt": "no suffix of what is written",
        tmp_path: "is a folder",
        manifest: "the command reads",
        tmp_path / "link.parquet": "the command reads",
        folder / "config.yaml": "the command reads",
        folder / "cache" / "hear" / "index.parquet": "the command reads",
        manifest / "p.parquet": "Not a directory",
    }
    for out, reason in refused.items():
        assert main([*predict, "--out", str(out)]) == 2
        assert reason in capsys.readouterr().err
    assert {path: file_sha256(path) for path in folder.rglob("*") if path.is_file()} == before
    assert main([*predict, "--out", str(tmp_path / "p.csv")]) == 0
    table = pd.read_csv(tmp_path / "p.csv")
    shares = table.filter(like="probability_")
    assert table["category"].tolist() == shares.idxmax(axis=1).str.removeprefix("probability_").tolist()
    assert shares.sum(axis=1).round(4).eq(1).all()


def test_a_run_folder_that_is_a_file_is_refused(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs").write_text("a file")
    assert main(["fit", *command, f"--runs={tmp_path / 'runs'}"]) == 2
    assert "Not a directory" in capsys.readouterr().err


def test_what_predict_would_return_is_refused(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "p.parquet"
    predict = ["predict", *command, "--ckpt_path", "last", "--out", str(out)]
    assert main([*predict, "--return_predictions", "true"]) == 2
    assert "nobody would read what it returned. Found: --return_predictions true" in capsys.readouterr().err
    assert not out.exists()


def test_heads_that_nothing_trained_are_known_to_the_table(command: list[str], tmp_path: Path) -> None:
    config = yaml.safe_load(SMALL_TASK)
    loss = config["model"]["init_args"]["loss"]
    loss["terms"].pop("categories")
    loss["weights"].pop("categories")
    (tmp_path / "attributes.yaml").write_text(yaml.safe_dump(config))
    words = ["--config", str(tmp_path / "attributes.yaml"), *command[2:5], "--runs", str(tmp_path), "--name"]
    fresh = [*words, "one"]
    assert main(["fit", *fresh, "--trainer.max_epochs=1"]) == 0
    assert main(["predict", *fresh, "--ckpt_path", "last", "--out", str(tmp_path / "p.parquet")]) == 0
    table = PredictionsMetadata.read(tmp_path / "p.parquet")
    assert table.provenance[TRAINED_HEADS] == ["attributes"]
    assert table.never_trained("categories")
    # what a run starts from has trained its heads, too
    start = open_checkpoint(Path(command[-1]) / "a" / "checkpoints" / "last.ckpt").provenance
    assert start.trained_heads == ("attributes", "categories")
    assert replace(start, trained_heads=()).trained(["attributes"], start).trained_heads == start.trained_heads


@pytest.mark.parametrize(
    "setting",
    [
        *("seed_everything=-1", "trainer.accumulate_grad_batches=0", "trainer.val_check_interval=0"),
        *("trainer.gradient_clip_val=-1", "trainer.limit_train_batches=0", "trainer.max_epochs=0"),
        *("trainer.max_steps=-2", "trainer.check_val_every_n_epoch=0", "trainer.limit_val_batches=-1"),
    ],
)
def test_numbers_of_the_trainer_are_within_their_ranges(
    command: list[str], setting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *command, "--name=other", f"--{setting}"]) == 2
    name, _, value = setting.partition("=")
    assert f"{name} is out of range. Found: {value}" in capsys.readouterr().err


def test_two_processes_do_not_train_one_run(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    (runs / "a").mkdir(parents=True)
    claim = (
        "import sys; from pathlib import Path; from vibespeaker.trainer.checks import claim_run; "
        f"claim = claim_run(Path({str(runs / 'a')!r})); print(1, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", claim], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"1\n"
        assert main(["fit", *command, f"--runs={runs}"]) == 2
        assert "another process trains the run in" in capsys.readouterr().err
        other.communicate()
    assert main(["fit", *command, f"--runs={runs}", "--trainer.max_epochs=1"]) == 0
