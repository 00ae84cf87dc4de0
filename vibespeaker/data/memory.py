"""Memory that batches are copied into: pages that were used before, where the system allows.

The first touch of a fresh page costs a fault and its clearing: copying cached clips into fresh memory ran at a tenth of
the speed at which they were copied into memory used before (1.1 against 10 GB/s, one core). A batch's memory is
therefore lent: it comes back by itself when nothing refers to the batch's tensors or to views of them any more.
"""

import math
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

#: Most bytes that wait to be lent again; beyond it the longest unused memory is given back to the system.
WAITING_BYTES = 1 << 30


class LentMemory:
    """Lends memory and takes it back once its borrower is gone; safe under threads, empty in another process.

    Args:
        waiting_bytes: most bytes that are kept for later, the most recently used.
    """

    def __init__(self, waiting_bytes: int = WAITING_BYTES) -> None:
        self.waiting_bytes = waiting_bytes
        self._waiting: list[npt.NDArray[np.uint8]] = []  # the longest unused first
        # a borrower may go at any moment, so its memory is only laid down here, without a lock
        self._returned: deque[npt.NDArray[np.uint8]] = deque()
        self._lock = threading.Lock()

    def lend(self, size: int) -> npt.NDArray[np.uint8]:
        """Return `(size,)` bytes of any content."""
        with self._lock:
            self._collect()
            # twice as large at most: a short batch must not hold a long one's memory
            fitting = [at for at, memory in enumerate(self._waiting) if size <= memory.nbytes <= 2 * size]
            best = min(fitting, key=lambda at: self._waiting[at].nbytes, default=None)
            memory = np.empty(size, np.uint8) if best is None else self._waiting.pop(best)
        lent = memory[:size]
        # a tensor's storage holds the array it was made from, and views hold the storage
        weakref.finalize(lent, self._returned.append, memory).atexit = False
        return lent

    def _collect(self) -> None:
        while self._returned:
            self._waiting.append(self._returned.popleft())
        while sum(memory.nbytes for memory in self._waiting) > self.waiting_bytes:
            self._waiting.pop(0)

    def __reduce__(self) -> tuple[type["LentMemory"], tuple[int]]:
        return LentMemory, (self.waiting_bytes,)


_MEMORY = LentMemory()


def batch_memory(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Return a tensor of any content on the CPU, to be filled with a batch.

    In a reading process it lies in memory that the training process sees, beside a GPU in page-locked memory (which
    PyTorch lends in the same way): either would otherwise cost a second copy of every frame.
    """
    size = math.prod(shape) * dtype.itemsize
    if get_worker_info() is None and _has_gpu():
        return torch.empty(tuple(shape), dtype=dtype, pin_memory=True)
    memory = torch.from_numpy(_MEMORY.lend(size)) if get_worker_info() is None else _shared(size)
    return memory.view(dtype).view(tuple(shape))


@cache
def _has_gpu() -> bool:
    # without a driver every query takes longer than all else done for a batch
    return torch.cuda.is_available()


def _shared(size: int) -> Tensor:
    storage = torch.UntypedStorage._new_shared(size)  # type: ignore[no-untyped-call]
    return torch.empty(0, dtype=torch.uint8).set_(storage, 0, (size,), (1,))
