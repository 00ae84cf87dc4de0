"""How many threads a process computes on.

The tensor library gives every operation to a pool of threads, one for each core, that spin while they wait for each
other. Small operations gain nothing by it, and on a busy machine they lose: 62 clips took 4.8 s of processor time on
one thread and 38 s on two. So small work takes one thread in each process, and as many processes as pay.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vibespeaker.processes.allocation import keep_freed_memory

if TYPE_CHECKING:
    from torch import nn

#: Networks of fewer parameters are small work: the embedded default has 0.6 million, its encoders as many, and the
#: published head has 66 million.
SMALL_NETWORK = 4_000_000
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

    keep_freed_memory()
    torch.set_num_threads(threads_of_small_work())


def is_small_work(*systems: object) -> bool:
    """Return whether these are small networks; of what is no network nobody knows."""
    from torch import nn

    networks = [system for system in systems if isinstance(system, nn.Module)]
    return len(networks) == len(systems) and _parameters(networks) < SMALL_NETWORK


def take_threads_for(*systems: object) -> None:
    """Do small work in this process from now on, where it is; large networks keep the library's threads."""
    if is_small_work(*systems):
        take_few_threads()


def _parameters(networks: "Sequence[nn.Module]") -> int:
    return sum(weight.numel() for network in networks for weight in network.parameters())


@contextmanager
def restored_threads() -> Iterator[None]:
    """Compute on as many threads as before once the body has ended."""
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def small_work() -> Iterator[None]:
    """Compute on few threads meanwhile, in this process."""
    with restored_threads():
        take_few_threads()
        yield
