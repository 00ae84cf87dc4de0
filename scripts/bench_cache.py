"""Measure the embedding cache: random reads against sequential copying, and how manifest and index grow.

Frames are random, lengths log-normal with the mean of MSP-Podcast (5.8 s at 50 frames a second). Example:

    OMP_NUM_THREADS=1 python scripts/bench_cache.py --clips 600 --dim 1280
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from vibespeaker.cache import CacheRecipe, EmbeddingCache, EncoderRecord
from vibespeaker.cache.index import Index
from vibespeaker.cache.merge import merge_index
from vibespeaker.cache.records import write_recipe, write_record
from vibespeaker.cache.shards import Entry, map_frames, shard_names, shard_path, write_shard
from vibespeaker.encoders.base import Fingerprint
from vibespeaker.manifest import ManifestMetadata, build

REPEATS = 5
SHARD = 128
#: What opening costs is measured in a process of its own: seconds and bytes of resident memory beyond the imports.
OPENING = """
import json, resource, sys, time
from pathlib import Path
from vibespeaker.cache import EmbeddingCache
from vibespeaker.manifest import Manifest
import numpy, pyarrow.parquet
def peak():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
folder, before, start = Path(sys.argv[1]), resident(), time.perf_counter()
columns = ["audio_sha256", "split", "category", "arousal", "valence", "dominance", "duration"]
manifest = Manifest.read(folder / "manifest.parquet", columns)
cache = EmbeddingCache.open(folder / "cache")
cache.lengths("encoder", numpy.zeros(1, numpy.int64))
opened = time.perf_counter() - start
held = resident() - before
entries = cache.entries("encoder", manifest)
found = time.perf_counter() - start - opened
frames = cache.lengths("encoder", entries)
assert len(frames) == len(manifest)
print(json.dumps([opened, held, found, resident() - before, peak() - before]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=600, help="clips of the reading test")
    parser.add_argument("--dim", type=int, default=1280, help="width of a frame")
    parser.add_argument("--rows", type=int, nargs="*", default=[10**4, 10**5, 10**6], help="rows of the growth test")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure_reading(Path(folder), arguments.clips, arguments.dim)
    table = Table("rows", "open, s", "held, MB", "find all, s", "held then, MB", "peak, MB", title="manifest and index")
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as folder:
            write_rows(Path(folder), rows)
            child = subprocess.run([sys.executable, "-c", OPENING, folder], capture_output=True, check=True)
        opened, held, found, held_then, peak = json.loads(child.stdout)
        megabytes = [f"{size / 1e6:.0f}" for size in (held, held_then, peak)]
        table.add_row(f"{rows:,}", f"{opened:.2f}", megabytes[0], f"{found:.2f}", *megabytes[1:])
    Console().print(table)


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


def write_rows(folder: Path, rows: int) -> None:
    """Write a manifest and an index of that many utterances, without audio and without shards."""
    generator = np.random.default_rng(0)
    contents = generator.integers(0, 256, (rows, 32), np.uint8)
    declare(folder / "cache", 1280)
    order = np.argsort(contents.view("S32").reshape(-1))
    Index(
        contents=contents[order],
        views=np.zeros(rows, np.int16),
        shards=(np.arange(rows) // 512).astype(np.int32),
        offsets=(np.arange(rows) % 512) * 290,
        frames=np.full(rows, 290, np.int32),
        shard_names=tuple(f"{number:024x}" for number in range(-(-rows // 512))),
    ).write(folder / "cache" / "encoder" / "index.parquet")
    names = [f"msp-podcast/MSP-PODCAST_{number:07d}" for number in range(rows)]
    columns = {
        "utterance_id": names,
        "corpus": ["msp-podcast"] * rows,
        "audio": names,
        "file_name": names,
        "speaker": [f"msp-podcast/{number % 3000}" for number in range(rows)],
        "language": ["en"] * rows,
        "split": ["train"] * rows,
        "text": ["so I told him that I would never do that again"] * rows,
        "category": ["neutral"] * rows,
        "arousal": generator.uniform(1, 7, rows),
        "valence": generator.uniform(1, 7, rows),
        "dominance": generator.uniform(1, 7, rows),
        "duration": generator.uniform(2, 11, rows),
        "audio_sha256": [content.tobytes().hex() for content in contents],
    }
    build(columns, ManifestMetadata("/", "challenge")).write(folder / "manifest.parquet")


def seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
