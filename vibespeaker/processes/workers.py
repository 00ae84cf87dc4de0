"""Processes that a command starts end with it, however it ends."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

#: In the environment of a command that another one started: the process to end with.
PARENT = "VIBESPEAKER_PARENT"
_POLL_SECONDS = 0.5


@contextmanager
def worker_pool(workers: int, prepare: Callable[[], None] | None = None) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of processes that end with this one, also where it is killed.

    They are spawned, not forked: threads of libraries such as torch do not survive a fork.

    Args:
        workers: processes.
        prepare: called in each before its work.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin, (prepare,)) as pool:
        yield pool


def parent_environment() -> dict[str, str]:
    """Return what the environment of a started command must hold for it to end with this process."""
    return {PARENT: str(os.getpid())}


def end_with_parent() -> None:
    """End this process when the one that started it is gone, where it was started to be so."""
    parent = os.environ.pop(PARENT, "")
    if parent.isdigit():
        threading.Thread(target=_watch, args=(int(parent),), name="parent watch", daemon=True).start()


def _begin(prepare: Callable[[], None] | None) -> None:
    threading.Thread(target=_wait_for_parent, name="parent watch", daemon=True).start()
    if prepare is not None:
        prepare()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os._exit(1)
