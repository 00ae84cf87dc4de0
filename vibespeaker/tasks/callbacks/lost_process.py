"""What a run on several processes says when one of them ends: which, how, and how to go on."""

import logging
import os
import re
import signal
import time
from typing import Any

import torch.distributed as dist
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.multiprocessing.spawn import ProcessExitedException

from vibespeaker.errors import TrainingError

_REMEDY = "what was saved is whole: see above why it ended, then go on with --ckpt_path auto"
#: How backends say that another process is gone: Gloo has no error of its own.
_LOST = re.compile(r"Connection (?:closed|reset) by peer|Broken pipe|[Gg]loo|NCCL|[Ss]ocket ?[Tt]imeout")
#: What Lightning logs before it ends all processes of a node.
_OBSERVER = "lightning.fabric.strategies.launchers.subprocess_script"
_ENDED = re.compile(r"\[rank: (\d+)\].*terminated with code (-?\d+)")
#: Seconds until a process whose connection is closed can be asked how it ended.
_PATIENCE = 3.0


class LostProcess(Callback):
    """Notes on an error of communication which process ended, and how; `lost_process` makes a sentence of it."""

    def __init__(self) -> None:
        self._parent = os.getppid()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Ask the processes that this one started, or whether the one that started this is gone."""
        if trainer.world_size > 1 and _is_of_connection(exception):
            found = _ended(getattr(trainer.strategy.launcher, "procs", ())) or self._without_parent(trainer)
            exception.add_note(f"{found} while process {trainer.global_rank} of {trainer.world_size} waited for it")

    def _without_parent(self, trainer: Trainer) -> str:
        is_gone = trainer.local_rank > 0 and os.getppid() != self._parent
        return "process 0, which started the others, ended" if is_gone else "another process ended"


def lost_process(error: BaseException) -> TrainingError | None:
    """Return what to say of an error that another process caused by ending, None for any other error."""
    if isinstance(error, ProcessExitedException):
        status = -signal.Signals[error.signal_name] if error.signal_name else error.exit_code
        return TrainingError(_described(error.error_index, status), remedy=_REMEDY)
    if not _is_of_connection(error):
        return None
    notes = getattr(error, "__notes__", [])
    said = " ".join(str(error).split())[:160]
    return TrainingError(notes[-1] if notes else "another process of the training ended", found=said, remedy=_REMEDY)


def say_what_ended() -> None:
    """Let Lightning's word of a process that ended through, as a sentence; it ends all others right after."""
    logger = logging.getLogger(_OBSERVER)
    logger.setLevel(logging.INFO)
    if not any(isinstance(one, _Sentence) for one in logger.filters):
        logger.addFilter(_Sentence())


class _Sentence(logging.Filter):
    """Rewrites what Lightning says of a process that ended."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True, with the record's message in our words."""
        if ended := _ENDED.search(record.getMessage()):
            record.msg = f"{_described(int(ended[1]), int(ended[2]))}; all others are ended with it. Remedy: {_REMEDY}"
            record.args = ()
            record.levelno, record.levelname = logging.ERROR, "ERROR"
        return True


def _is_of_connection(error: BaseException) -> bool:
    if isinstance(error, dist.DistError):
        return True
    return isinstance(error, RuntimeError) and bool(_LOST.search(str(error)))


def _ended(processes: Any) -> str:
    """Return which of the processes ended in failure, nothing where none did."""
    deadline = time.monotonic() + _PATIENCE
    while processes and time.monotonic() < deadline:
        for rank, process in enumerate(processes, 1):
            if process.poll():
                return _described(rank, process.returncode)
        time.sleep(0.1)
    return ""


def _described(rank: int, status: int) -> str:
    if status >= 0:
        return f"process {rank} of the training ended with status {status}"
    memory = ", as the system does where memory runs out" if status == -signal.SIGKILL else ""
    return f"process {rank} of the training was killed by {signal.Signals(-status).name}{memory}"
