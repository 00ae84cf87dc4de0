import os
from pathlib import Path

import pandas as pd
import pytest

from tests.toy import SMALL_TASK, make_toy
from vibespeaker.cli.main import main
from vibespeaker.files import file_sha256


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
