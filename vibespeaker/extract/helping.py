"""More processes for one extraction: each runs the same command, and the claims on chunks keep them apart."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vibespeaker.processes.threads import cores
from vibespeaker.processes.workers import worker_pool
from vibespeaker.progress import hidden_progress

#: Clips from which another process pays: it takes some seconds to start, in which one computes hundreds.
_FEWEST_CLIPS = 4000
_MOST_PROCESSES = 8


def processes_for(clips: int, wanted: int | None, is_small: bool) -> int:
    """Return how many processes extract: as many as are wanted, or as pay.

    Args:
        clips: to be encoded.
        wanted: by the user; null leaves it to this rule.
        is_small: whether each computes on one thread, so that there is one for each core; large encoders use all cores
            in one process, whose memory they fill.
    """
    if wanted is not None:
        return wanted
    return min(cores(), _MOST_PROCESSES) if is_small and clips >= _FEWEST_CLIPS else 1


@contextmanager
def helped(work: Callable[[], object], helpers: int) -> Iterator[None]:
    """Have the same work done in more processes beside the body, and wait for them in the end.

    Args:
        work: can be pickled; whoever comes last finds nothing left to do. It is silent: the body says what is to be
            said.
        helpers: how many more.
    """
    if helpers < 1:
        yield
        return
    with worker_pool(helpers) as pool:
        begun = [pool.submit(_silently, work) for _ in range(helpers)]
        yield
        for one in begun:
            one.result()


def _silently(work: Callable[[], object]) -> None:
    logging.disable(logging.WARNING)
    with hidden_progress():
        work()
