"""A run that was cut off goes on as if nothing had happened, or says why it cannot."""

import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pytest
import torch

from tests.tasks.accidents import AccidentError
from tests.tasks.conftest import Run, runner
from tests.tasks.states import assert_equal, assert_same_state
from tests.toy import Toy
from vibespeaker.errors import CheckpointError, ConfigError, VibeSpeakerError
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.models.checkpoint import read_checkpoint
from vibespeaker.predictions import Predictions
from vibespeaker.tasks.callbacks.checkpoints import AtomicCheckpointIO, find_checkpoint

#: Dropout makes the random state matter, AdamW and the schedule the optimiser's, mixup the number of epoch and batch.
CONFIG = """
trainer: {max_epochs: 3}
data: {class_path: vibespeaker.tasks.EmotionDataModule, init_args: {balance: 0.5, balanced_epochs: 1}}
model:
  init_args:
    mixup: {alpha: 0.5}
    checkpoints: {monitor: val/macro_f1, every_batches: 2}
    network:
      init_args: {dropout: 0.3}
    schedule: {warmup_epochs: 1, minimum: 0.0001}
"""
#: 33 usable utterances in batches of at most 8: five steps an epoch, so the run stops after the third batch of the
#: second epoch, one after the last save, or before the first batch of the third.
MID_EPOCH, EPOCH_START, STEPS = 8, 10, 15


def _callback(name: str, **arguments: object) -> str:
    return f"--trainer.callbacks+={{class_path: tests.tasks.accidents.{name}, init_args: {arguments}}}"


FORKED = ("--trainer.devices=2", "--trainer.strategy=ddp_fork")


@pytest.fixture(scope="module")
def undisturbed(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Number of processes → folder of a run that nothing cut off, with the predictions of its best state."""
    folder = tmp_path_factory.mktemp("undisturbed")

    @functools.cache
    def trained(processes: int) -> Path:
        run, name = runner(toy, folder), f"--name=on{processes}"
        done = run("fit", name, *(FORKED if processes == 2 else ()), config=CONFIG).folder
        run("predict", "--ckpt_path=best", name, config=CONFIG)
        return done

    return trained


@pytest.mark.parametrize(
    "accident",
    [
        _callback("StopsAt", step=MID_EPOCH),
        _callback("StopsAt", step=EPOCH_START),
        _callback("StopsInValidation", epoch=1),
    ],
    ids=["mid-epoch", "between epochs", "in validation"],
)
def test_resuming_is_bit_equal(run: Run, undisturbed: Callable[[int], Path], accident: str, tmp_path: Path) -> None:
    with pytest.raises(AccidentError):
        run("fit", accident, config=CONFIG)
    last = read_checkpoint(checkpoint_path(tmp_path / "runs" / "toy", "last"))
    assert 0 < last["global_step"] < STEPS
    resumed = run("fit", "--ckpt_path=last", config=CONFIG)
    assert_same_state(resumed.folder, undisturbed(1))
    best = [read_checkpoint(checkpoint_path(folder, "best")) for folder in (resumed.folder, undisturbed(1))]
    assert best[0]["epoch"] == best[1]["epoch"]
    assert_equal(best[0]["state_dict"], best[1]["state_dict"], "best")


@pytest.mark.slow
def test_resuming_two_processes_is_bit_equal(run: Run, undisturbed: Callable[[int], Path]) -> None:
    with pytest.raises(torch.multiprocessing.ProcessRaisedException, match="AccidentError"):
        run("fit", _callback("StopsAt", step=MID_EPOCH), *FORKED, config=CONFIG)
    assert_same_state(run("fit", "--ckpt_path=last", *FORKED, config=CONFIG).folder, undisturbed(2))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("processes", "accident", "kept"),
    [
        pytest.param(1, {"name": "DawdlesInTraining", "step": MID_EPOCH}, 7, id="one process, mid-epoch"),
        pytest.param(2, {"name": "DawdlesInTraining", "step": MID_EPOCH}, 7, id="second of two, mid-epoch"),
        pytest.param(2, {"name": "DawdlesInValidation", "step": EPOCH_START}, 9, id="second of two, mid-validation"),
        # the last state is saved at step 9, the best weights at step 10
        pytest.param(1, {"name": "DawdlesInWriting", "step": 9}, 7, id="one process, half of last.ckpt written"),
        pytest.param(2, {"name": "DawdlesInWriting", "step": 10}, 9, id="first of two, half of best.ckpt written"),
    ],
)
def test_a_killed_run_continues_from_the_last_whole_state(
    run: Run,
    undisturbed: Callable[[int], Path],
    toy: Toy,
    tmp_path: Path,
    processes: int,
    accident: dict[str, Any],
    kept: int,
) -> None:
    forked = FORKED if processes == 2 else ()
    rank = 0 if accident["name"] == "DawdlesInWriting" else processes - 1
    dawdling = _callback(**accident, rank=rank, sign=str(tmp_path / "here"))
    _kill_run([f"--trainer.devices={processes}", "--trainer.strategy=ddp"] if forked else [], dawdling, toy, tmp_path)
    folder = tmp_path / "runs" / "toy"
    assert read_checkpoint(checkpoint_path(folder, "last"))["global_step"] == kept
    half_written = list((folder / "checkpoints").glob(".*.tmp"))
    assert len(half_written) == (accident["name"] == "DawdlesInWriting")
    resumed = run("fit", "--ckpt_path=last", *forked, config=CONFIG)
    assert_same_state(resumed.folder, undisturbed(processes))
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]
    run("predict", "--ckpt_path=best", config=CONFIG)
    tables = [Predictions.read(path / "predictions.parquet").frame for path in (folder, undisturbed(processes))]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def _kill_run(options: list[str], dawdling: str, toy: Toy, tmp_path: Path) -> None:
    """Start the run `toy` as a user does, and kill the process that gives its number in the file `here`."""
    sign = tmp_path / "here"
    (tmp_path / "killed.yaml").write_text(CONFIG)
    configs = [f"--config={tmp_path / 'task.yaml'}", f"--config={tmp_path / 'killed.yaml'}"]
    own = ["--data.init_args.batch_size=8", f"--runs={tmp_path / 'runs'}", "--name=toy"]
    command = [
        sys.executable,
        "-m",
        "vibespeaker",
        "fit",
        *configs,
        *toy.arguments(),
        *own,
        *options,
        dawdling,
        "--trust=tests",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 300
    while not sign.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sign.is_file(), process.communicate()[0].decode()
    os.kill(int(sign.read_text()), signal.SIGKILL)
    process.communicate(timeout=120)  # without the killed one no process goes on
    assert process.returncode != 0


def test_resuming_without_a_checkpoint_fails(run: Run) -> None:
    with pytest.raises(CheckpointError, match=r"no checkpoint .*toy/checkpoints/last\.ckpt to resume from"):
        run("fit", "--ckpt_path=last")


def test_auto_begins_and_then_goes_on(run: Run) -> None:
    assert run("fit", "--ckpt_path=auto", "--trainer.max_epochs=1").trainer.global_step == 5
    resumed = run("fit", "--ckpt_path=auto", "--trainer.max_epochs=2")
    assert (resumed.trainer.global_step, resumed.config.fit.ckpt_path is not None) == (10, True)
    finished = run("fit", "--ckpt_path=auto", "--trainer.max_epochs=2")
    assert finished.trainer.global_step == 10


def test_a_second_run_of_the_same_name_is_refused(run: Run) -> None:
    run("fit", "--trainer.max_epochs=1")
    with pytest.raises(ConfigError, match=r"already holds a trained run.*--ckpt_path auto"):
        run("fit", "--trainer.max_epochs=1")


def test_resuming_with_another_model_or_data_is_refused(run: Run) -> None:
    run("fit", "--trainer.max_epochs=1")
    with pytest.raises(ConfigError, match=r"data\.init_args\.batch_size was 8, is 9"):
        run("fit", "--ckpt_path=last", "--trainer.max_epochs=2", "--data.init_args.batch_size=9")


@pytest.mark.parametrize("wanted", ["last", "best", "some/where.ckpt"])
def test_missing_checkpoints_are_named(wanted: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        find_checkpoint(tmp_path, wanted, fitting=False)


def test_a_full_disk_leaves_the_previous_checkpoint_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.ckpt"
    storage = AtomicCheckpointIO()
    storage.save_checkpoint({"step": 1}, path)

    def fill_the_disk(checkpoint: object, file: BinaryIO) -> None:
        file.write(b"half a check")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fill_the_disk)
    with pytest.raises(CheckpointError, match=r"No space left on device.*Remedy: free space"):
        storage.save_checkpoint({"step": 2}, path)
    assert torch.load(path) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_read_only_folder_is_one_clear_error(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(VibeSpeakerError, match=r"could not be written.*Permission denied"):
        run("fit", "--trainer.max_epochs=1")
