"""Measure the embedding cache: random reads against sequential copying.

Frames are random, lengths log-normal with the mean of MSP-Podcast (5.8 s at 50 frames per second). Example:

    OMP_NUM_THREADS=1 python scripts/bench_cache.py --clips 600 --dim 1280
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from vibespeaker.cache import CacheRecipe, EmbeddingCache, EncoderRecord
from vibespeaker.cache.merge import merge_index
from vibespeaker.cache.records import write_recipe, write_record
from vibespeaker.cache.shards import Entry, map_frames, shard_names, shard_path, write_shard
from vibespeaker.provenance import Fingerprint

REPEATS = 5
SHARD = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=600, help="clips of the reading test")
    parser.add_argument("--dim", type=int, default=1280, help="width of a frame")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure_reading(Path(folder), arguments.clips, arguments.dim)


def measure_reading(folder: Path, clips: int, dim: int) -> None:
    """Print the bandwidth of random reads over that of copying the same mapped files from front to back."""
    cache, lengths = write_frames(folder, clips, dim)
    order = np.random.default_rng(1).permutation(clips).tolist()
    mapped = [
        map_frames(shard_path(folder / "encoder", name), dim, "bfloat16") for name in shard_names(folder / "encoder")
    ]
    rows = int(32 * lengths.mean())
    buffer = torch.empty(32 * int(lengths.max()), dim, dtype=torch.bfloat16)

    def sequential() -> None:
        for frames in mapped:
            for piece in frames.split(rows):
                buffer[: len(piece)].copy_(piece)

    def at_random() -> None:
        for start in range(0, clips, 32):
            place = 0
            for entry in order[start : start + 32]:
                frames = cache.read("encoder", entry)
                buffer[place : place + len(frames)].copy_(frames)
                place += len(frames)

    def without_copy() -> None:
        for entry in order:
            cache.read("encoder", entry)

    sequential(), at_random()
    fastest = {work: min(seconds(work) for _ in range(REPEATS)) for work in (sequential, at_random, without_copy)}
    gigabytes = int(lengths.sum()) * dim * 2 / 1e9
    table = Table("reading", "GB/s", "of sequential", title=f"{clips} clips, {gigabytes:.2f} GB, warm, in process")
    for work, name in ((sequential, "sequential copy"), (at_random, "random reads, copied")):
        table.add_row(name, f"{gigabytes / fastest[work]:.2f}", f"{fastest[sequential] / fastest[work]:.0%}")
    Console().print(table)
    Console().print(f"a read without the copy takes {fastest[without_copy] / clips * 1e6:.1f} µs")


def write_frames(folder: Path, clips: int, dim: int) -> tuple[EmbeddingCache, np.ndarray]:
    lengths = speech_lengths(clips)
    record = declare(folder, dim)
    noise = torch.randn(int(lengths.max()), dim).bfloat16()
    for start in range(0, clips, SHARD):
        numbers = range(start, min(clips, start + SHARD))
        entries = [Entry(number.to_bytes(32, "big"), 0, noise[: lengths[number]]) for number in numbers]
        write_shard(folder / "encoder", f"{start:024x}", entries, "bfloat16", record.identity)
    merge_index(folder / "encoder", record.identity)
    return EmbeddingCache.open(folder), lengths


def speech_lengths(clips: int) -> np.ndarray:
    """Return frames of each clip, log-normal as speech's."""
    # mean exp(mu + sigma²/2) = 5.8 s, standard deviation about half of it
    generator = np.random.default_rng(0)
    seconds_ = np.clip(generator.lognormal(np.log(5.8) - 0.5 * 0.45**2, 0.45, clips), 0.5, 30)
    return np.maximum(1, (seconds_ * 50).astype(np.int64))


def declare(folder: Path, dim: int) -> EncoderRecord:
    record = EncoderRecord("encoder", "audio", dim, 50.0, "bfloat16", Fingerprint({"kind": "random"}), {})
    write_recipe(folder, CacheRecipe())
    write_record(folder / "encoder", record)
    return record


def seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
