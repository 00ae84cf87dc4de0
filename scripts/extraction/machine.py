"""What the device at hand can do at most, for comparison."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

REPEATS = 5


@dataclass(frozen=True)
class Machine:
    """What the device can do, measured here.

    Args:
        name: of the device.
        device: where encoders run.
        peak: dense FLOP/s that its maker states.
        product: FLOP/s of a large matrix product in the encoders' precision.
        copy: bytes per second of a copy within the device's memory, read and written bytes together.
    """

    name: str
    device: torch.device
    peak: float
    product: float
    copy: float


def measure_machine(device: torch.device, dtype: torch.dtype, peak: float, size: int, copy_bytes: int) -> Machine:
    """Measure a product of two matrices of `size` and a copy of `copy_bytes`."""
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    source = torch.zeros(copy_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    product = 2 * size**3 / median_seconds(lambda: a @ b, device)
    copy = 2 * source.nbytes / median_seconds(lambda: target.copy_(source), device)
    return Machine(_name(device), device, peak, product, copy)


def median_seconds(run: Callable[[], object], device: torch.device) -> float:
    """Return the median of a few runs, after two to warm up."""
    taken = []
    for _ in range(REPEATS + 2):
        _wait(device)
        start = time.perf_counter()
        run()
        _wait(device)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken[2:]))


def copy_bandwidth(device: torch.device) -> float:
    """Return bytes per second of copying in memory, or from page-locked memory to a GPU: the best of a few."""
    source = torch.ones(2**28, dtype=torch.uint8)
    source = source.pin_memory() if device.type == "cuda" else source
    target, fastest = torch.ones_like(source, device=device), float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        target.copy_(source)
        fastest = min(fastest, time.perf_counter() - start)
    return len(source) / fastest


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
