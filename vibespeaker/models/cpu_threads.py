"""Utterances in parallel: each is computed on one thread, from its first step to its last.

The tensor library gives every operation to all its threads and waits for the slowest. The sums of pooling are a few
dozen operations of some 30 µs per utterance: on two cores the waiting, and the moving of half-computed frames
between the cores' caches, cost its gain. 32 × 300 frames of 1280 took 138 ms forward and backward that way, and
121 ms on one thread. Here a thread takes whole utterances, and threads wait for each other once per pass: 95 ms.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")

#: Pieces a batch is cut into, whatever the number of threads, so that sums over pieces are the same on any machine.
PIECES = 8

#: Fewer frames in a batch are left to the library's own threads: starting others would take longer than it saves.
FEWEST_FRAMES = 2000


def compute(work: Callable[[list[int]], T], lengths: list[int]) -> list[T]:
    """Return what `work` returns for every piece of a batch, in the order of the pieces.

    Args:
        work: computes the utterances at the given positions, without gradients.
        lengths: frames of each utterance; pieces get about the same number of frames.
    """
    longest_first = sorted(range(len(lengths)), key=lambda position: -lengths[position])
    pieces = [longest_first[start::PIECES] for start in range(min(PIECES, len(lengths)))]
    threads = min(torch.get_num_threads(), len(pieces)) if sum(lengths) >= FEWEST_FRAMES else 1
    if threads == 1:
        with torch.no_grad():
            return [work(piece) for piece in pieces]
    inference = torch.is_inference_mode_enabled()

    def on_thread(piece: list[int]) -> T:
        with torch.inference_mode(inference), torch.no_grad():  # modes belong to a thread
            return work(piece)

    with _single_threads(threads) as pool:
        return list(pool.map(on_thread, pieces))


@contextmanager
def _single_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Start threads on which the tensor library uses no others: 0.2 ms, and nothing is left that a fork would break."""
    before = torch.get_num_threads()
    with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            yield pool
        finally:
            torch.set_num_threads(before)  # also the default of threads to come
