"""How many threads a process computes on.

The tensor library gives every operation to a pool of threads, one for each core, that spin while they wait for each
other. Small operations gain nothing by it, and on a busy machine they lose: 62 clips took 4.8 s of processor time on
one thread and 38 s on two. So small work takes one thread in each process, and as many processes as pay.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

#: In the environment: how many threads small work takes instead, for whoever knows better.
THREADS = "VIBESPEAKER_THREADS"


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_of_small_work() -> int:
    """Return on how many threads small work is done: one, unless `VIBESPEAKER_THREADS` says otherwise."""
    wanted = os.environ.get(THREADS, "")
    return max(1, int(wanted)) if wanted.isdecimal() else 1


def take_few_threads() -> None:
    """Do small work in this process from now on."""
    import torch

    torch.set_num_threads(threads_of_small_work())


@contextmanager
def small_work() -> Iterator[None]:
    """Compute on few threads meanwhile, in this process."""
    import torch

    before = torch.get_num_threads()
    take_few_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
