"""Attentive statistics pooling: ours against SpeechBrain's with the same weights, forward and backward, frozen input.

Those are ECAPA's: one weight per channel, global context, batch norm. "one weight" is the pooling of the published
head (Okabe et al. 2018, `model/published`), which SpeechBrain does not have; it is timed beside them.

    python scripts/bench_pooling.py [--rounds 5] [--threads 2] [--compile false] [--clock cpu]

Both sides run in turns in one process and the best round counts, since other work on the machine only ever adds time;
on a busy machine `--threads 1 --clock cpu` is the steadier measure. SpeechBrain gets its input in its own layout, made
outside the measurement. Batch norm is in eval mode. Both sides' outputs and gradients are compared first. Peak memory
is that of a fresh process for each side: resident memory at its highest (Linux only) minus what was resident before.
"""

import itertools
import multiprocessing
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from jsonargparse import auto_cli
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from vibespeaker.batch import Frames
from vibespeaker.models.pooling import AttentiveStatisticsPooling
from vibespeaker.models.speechbrain_pooling import from_speechbrain, speechbrain_class

Side = Callable[[], Tensor]
OURS, THEIRS, ONE_WEIGHT = "ours", "SpeechBrain", "ours, one weight"
ALL_SIDES = (THEIRS, OURS, ONE_WEIGHT)
FILLS = (1.0, 0.6)
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def make_batches(batch: int, longest: int, dim: int, fill: float, count: int) -> list[Frames]:
    """Return batches of random frames, unsorted, filled to `fill`, the longest clip among them; other lengths vary.

    Every batch has lengths of its own, as in training: code that adapts to a shape pays for new ones.
    """
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(batch, longest, dim, generator=generator)
    batches = []
    for _ in range(count):
        # one clip is full, the others share what is left of the frames
        mean = (fill * batch - 1) / (batch - 1)
        spread = (1 - mean) * (2 * torch.rand(batch, generator=generator) - 1)
        spread[0] = 0.0
        spread[1:] -= spread[1:].mean()
        lengths = (longest * (mean + spread)).round().long().clamp(1, longest)
        lengths[0] = longest
        frames = Frames(values, lengths)
        batches.append(Frames(values.masked_fill(~frames.mask()[:, :, None], 0.0), lengths))
    return batches


def make_step(side: str, batches: list[Frames], attention_dim: int, compiled: bool) -> Side:
    """Return a function that pools the next batch, runs the backward pass and returns all results, joined."""
    torch.manual_seed(0)
    dim = batches[0].dim
    theirs = speechbrain_class("AttentiveStatisticsPooling")(dim, attention_dim).eval()
    module: nn.Module = theirs if side == THEIRS else from_speechbrain(theirs)
    if side == ONE_WEIGHT:
        module = AttentiveStatisticsPooling(dim, attention_dim, False, False, False)
    inputs: list[tuple[Any, ...]] = [(frames,) for frames in batches]
    if side == THEIRS:
        inputs = [
            (frames.values.transpose(1, 2).contiguous(), (frames.lengths - 0.5) / frames.values.shape[1])
            for frames in batches
        ]
    turns = itertools.cycle(inputs)
    pooling = torch.compile(module) if compiled else module
    direction = torch.randn(len(batches[0].lengths), 2 * dim, generator=torch.Generator().manual_seed(1))

    def step() -> Tensor:
        module.zero_grad()
        pooled = pooling(*next(turns)).flatten(1)
        (pooled * direction).sum().backward()
        return torch.cat((pooled.detach().flatten(), *(gradient.flatten() for gradient in _gradients(module))))

    return step


def _gradients(module: nn.Module) -> tuple[Tensor, Tensor]:
    if isinstance(module, AttentiveStatisticsPooling):
        first = module.frame.weight.grad
        if module.context is not None:
            first = torch.cat((first, module.context.weight.grad), dim=1)
        return first, module.score.weight.grad
    return module.tdnn.conv.conv.weight.grad[:, :, 0], module.conv.conv.weight.grad[:, :, 0]


def best_seconds(sides: dict[str, Side], rounds: int, clock: Callable[[], float]) -> dict[str, float]:
    """Return each side's best time over `rounds` rounds in turns, after one round to warm up."""
    best = dict.fromkeys(sides, float("inf"))
    for number in range(rounds + 1):
        for name, step in sides.items():
            start = clock()
            step()
            if number > 0:
                best[name] = min(best[name], clock() - start)
    return best


def peak_megabytes(side: str, fill: float, sizes: list[int], threads: int) -> float:
    """Return the peak extra memory of one step of `side`, in MB, from a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure_memory, (side, fill, sizes, threads))


def _measure_memory(side: str, fill: float, sizes: list[int], threads: int) -> float:
    torch.set_num_threads(threads)
    batch, longest, dim, attention_dim = sizes
    make_step(side, make_batches(2, 8, dim, fill, 1), attention_dim, compiled=False)()  # load all libraries
    step = make_step(side, make_batches(batch, longest, dim, fill, 1), attention_dim, compiled=False)
    before = _resident("VmRSS")
    step()
    return _resident("VmHWM") - before


def _resident(key: str) -> float:
    """Return `VmRSS`, now resident, or `VmHWM`, resident at its highest, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def main(
    rounds: int = 5,
    threads: int = 2,
    compile: bool = True,
    clock: Literal["wall", "cpu"] = "wall",
    sizes: list[int] = [32, 300, 1280, 128],  # noqa: B006 (never mutated)
) -> None:
    """Print times and peak memory of all sides, and how many times faster each is than another.

    "of eager" compares with SpeechBrain as it is, "of same" with SpeechBrain in the same mode, "of ours" with
    our pooling of one weight per channel in the same mode.

    Args:
        rounds: timed rounds of each side.
        threads: threads of the tensor library.
        compile: whether to measure under `torch.compile` too.
        clock: time that passed, or the processor time that was spent, all threads together.
        sizes: batch, frames, dim, attention dim.
    """
    torch.set_num_threads(threads)
    table = Table(
        "fill",
        "mode",
        "side",
        "ms",
        "of eager",
        "of same",
        "of ours",
        "peak MB",
        "share",
        title=f"{sizes}, {threads} threads, {clock} time",
    )
    for share in FILLS:
        _compare(table, share, sizes, rounds, threads, compile, CLOCKS[clock])
    Console().print(table)


def _compare(
    table: Table, fill: float, sizes: list[int], rounds: int, threads: int, compile: bool, clock: Callable[[], float]
) -> None:
    batch, longest, dim, attention_dim = sizes
    batches = make_batches(batch, longest, dim, fill, rounds + 2)  # one to compare, one to warm up
    real = sum(int(frames.lengths.sum()) for frames in batches) / (len(batches) * batch * longest)
    modes = (False, True) if compile else (False,)
    make = partial(make_step, batches=batches, attention_dim=attention_dim)
    sides = {(mode, side): make(side, compiled=mode) for mode in modes for side in ALL_SIDES}
    results = [step() for (_, side), step in sides.items() if side != ONE_WEIGHT]
    for (_, side), step in sides.items():
        if side == ONE_WEIGHT:
            step()
    for result in results[1:]:
        torch.testing.assert_close(result, results[0], rtol=1e-4, atol=1e-5)
    best = best_seconds({f"{mode} {side}": step for (mode, side), step in sides.items()}, rounds, clock)
    memory = {side: peak_megabytes(side, fill, sizes, threads) for side in ALL_SIDES}
    for mode, side in sides:
        seconds = best[f"{mode} {side}"]
        table.add_row(
            f"{real:.0%}",
            "compiled" if mode else "eager",
            side,
            f"{1000 * seconds:.0f}",
            f"{best[f'False {THEIRS}'] / seconds:.1f}×",
            f"{best[f'{mode} {THEIRS}'] / seconds:.1f}×",
            f"{best[f'{mode} {OURS}'] / seconds:.1f}×",
            "" if mode else f"{memory[side]:.0f}",
            "" if mode else f"{memory[side] / memory[THEIRS]:.2f}",
        )


if __name__ == "__main__":
    auto_cli(main)
