"""Processes that a command starts end with it, however it ends."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from vibespeaker.errors import VibeSpeakerError

T = TypeVar("T")
R = TypeVar("R")

#: In the environment of a command that another one started: the process to end with.
PARENT = "VIBESPEAKER_PARENT"
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Workers:
    """Who does the work of a command.

    Args:
        pool: processes beside this one, which take functions that can be pickled; null where this one does everything.
        count: how many work at the same time.
    """

    pool: Executor | None = None
    count: int = 1

    def map(self, function: Callable[[T], R], items: Iterable[T], at_once: int = 1) -> Iterator[R]:
        """Yield the function's results in the order of the items; a process takes `at_once` items at a time."""
        return map(function, items) if self.pool is None else self.pool.map(function, items, chunksize=at_once)


@contextmanager
def workers_at_hand(count: int, prepare: Callable[[], None] | None = None) -> Iterator[Workers]:
    """Yield so many workers: as of `worker_pool`, or for one this process itself."""
    if count < 2:
        yield Workers()
        return
    with worker_pool(count, prepare) as pool:
        yield Workers(pool, count)


@contextmanager
def worker_pool(workers: int, prepare: Callable[[], None] | None = None) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of processes that end with this one, also where it is killed.

    They are spawned, not forked: threads of libraries such as torch do not survive a fork. Each starts when there is
    work for it. Where the body fails or is interrupted, they are killed: whatever they do can be done again.

    Args:
        workers: processes.
        prepare: called in each before its work.

    Raises:
        VibeSpeakerError: somebody else killed one of them.
    """
    context = multiprocessing.get_context("spawn")
    before = {child.pid for child in multiprocessing.active_children()}
    with ProcessPoolExecutor(workers, context, _begin, (prepare,)) as pool:
        try:
            yield pool
        except BaseException as error:
            for child in multiprocessing.active_children():
                if child.pid not in before:
                    child.kill()
            if isinstance(error, BrokenProcessPool):
                raise VibeSpeakerError(
                    "a working process was killed, perhaps because the memory was full",
                    remedy="run the same command again, with fewer processes",
                ) from error
            raise


def parent_environment() -> dict[str, str]:
    """Return what the environment of a started command must hold for it to end with this process."""
    return {PARENT: str(os.getpid())}


def end_with_parent() -> None:
    """End this process when the one that started it is gone, where it was started to be so."""
    parent = os.environ.pop(PARENT, "")
    if parent.isdigit():
        threading.Thread(target=_watch, args=(int(parent),), name="parent watch", daemon=True).start()


def _begin(prepare: Callable[[], None] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # an interruption ends it at once, without a traceback of its own
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
