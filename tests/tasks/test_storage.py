"""Runs on real disks that are full or read-only: one clear error, and what was whole stays whole."""

from contextlib import suppress
from pathlib import Path

import pytest

from tests.disks import mounted
from tests.tasks.conftest import Run
from vibespeaker.errors import VibeSpeakerError
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.models.checkpoint import read_checkpoint

FULL = r"[Nn]o space left on device"
READ_ONLY = r"Read-only file system"


@pytest.fixture
def room(run: Run, tmp_path: Path) -> int:
    """KiB that a run's folder takes after an epoch."""
    folder = run("fit", "--name=measured", "--trainer.max_epochs=1").folder
    return sum(-(-path.stat().st_size // 4096) * 4 for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("share", [0.05, 0.4, 0.9], ids=["logs", "first checkpoint", "second checkpoint"])
def test_a_full_disk_ends_training_with_one_clear_error(run: Run, room: int, tmp_path: Path, share: float) -> None:
    with mounted(tmp_path / "small", f"size={max(4, int(room * share))}k") as disk:
        with pytest.raises(VibeSpeakerError, match=rf"could not be written.*{FULL}.*Remedy: free space"):
            run("fit", f"--runs={disk}", "--trainer.max_epochs=1")
        for path in (disk / "toy" / "checkpoints").glob("*.ckpt"):
            read_checkpoint(path)  # whole
        assert not list(disk.rglob("*.tmp"))


def test_training_goes_on_once_there_is_room(run: Run, room: int, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", f"size={4 * room}k") as disk:
        run("fit", f"--runs={disk}", "--trainer.max_epochs=1")
        ballast = disk / "ballast"
        fill(ballast)
        with pytest.raises(VibeSpeakerError, match=FULL):
            run("fit", f"--runs={disk}", "--ckpt_path=last", "--trainer.max_epochs=2")
        assert read_checkpoint(checkpoint_path(disk / "toy", "last"))["epoch"] == 0
        ballast.unlink()
        resumed = run("fit", f"--runs={disk}", "--ckpt_path=last", "--trainer.max_epochs=2")
        assert resumed.trainer.global_step == 10


def test_predictions_that_do_not_fit_are_one_clear_error(run: Run, tmp_path: Path) -> None:
    run("fit", "--trainer.max_epochs=1")
    with mounted(tmp_path / "small", "size=8k") as disk:
        fill(disk / "ballast")
        with pytest.raises(VibeSpeakerError, match=rf"could not be written.*{FULL}"):
            run("predict", "--ckpt_path=best", f"--out={disk / 'predictions.parquet'}")
        assert [path.name for path in disk.iterdir()] == ["ballast"]


def test_a_read_only_folder_ends_training_with_one_clear_error(run: Run, tmp_path: Path) -> None:
    with (
        mounted(tmp_path / "disk", "ro") as disk,
        pytest.raises(VibeSpeakerError, match=f"cannot write .*{READ_ONLY}"),
    ):
        run("fit", f"--runs={disk}", "--trainer.max_epochs=1")


def test_predictions_into_a_read_only_folder_are_one_clear_error(run: Run, tmp_path: Path) -> None:
    run("fit", "--trainer.max_epochs=1")
    with (
        mounted(tmp_path / "disk", "ro") as disk,
        pytest.raises(VibeSpeakerError, match=f"cannot write .*{READ_ONLY}"),
    ):
        run("predict", "--ckpt_path=best", f"--out={disk / 'predictions.parquet'}")


def fill(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
