"""Processes that commands start, and whether they end with them."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

#: Seconds that a process may outlive the one that it ends with.
OUTLIVE = 20.0


def started_by(pid: int) -> list[int]:
    """Return the processes that a process started, and those that these did."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(word) for word in task.read_text().split()]
        except OSError:
            continue
        found += [one for child in children for one in (child, *started_by(child))]
    return found


def outliving(processes: Sequence[int]) -> str:
    """Wait until processes have ended; end those that do not, and say how many there were."""
    wait_until(lambda: not any(map(is_running, processes)), OUTLIVE)
    left = [pid for pid in processes if is_running(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return f"{len(left)} processes outlive it" if left else ""


def is_running(pid: int) -> bool:
    """Return True for a process that is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition, and return whether it came about."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return condition()
