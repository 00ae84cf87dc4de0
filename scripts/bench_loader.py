"""Measure the loader: random-order, collated batches against copying the same mapped files from front to back.

Frames are random, lengths log-normal as speech's (`bench_cache.py`). Both sides run in this process, on warm files, in
one run; a loader's bytes are those of real frames, while it also pads them with zeros. Example:

    OMP_NUM_THREADS=1 python scripts/bench_loader.py --clips 5000 --dim 1280
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from bench_cache import speech_lengths, write_frames
from rich.console import Console
from rich.table import Table

from vibespeaker.cache import EmbeddingCache
from vibespeaker.cache.shards import map_frames, shard_names, shard_path
from vibespeaker.data.sampler import BatchSize, Draw, TrainingBatches, padding_waste
from vibespeaker.manifest import ManifestMetadata, build
from vibespeaker.tasks import EmotionDataModule

ENCODER = "encoder"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=5000)
    parser.add_argument("--dim", type=int, default=1280, help="width of a frame")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3, help="the fastest of so many epochs counts")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2], help="numbers of reading processes to try")
    parser.add_argument(
        "--clock", choices=["wall", "cpu"], default="wall", help="cpu, on a busy machine: this process's own time"
    )
    arguments = parser.parse_args()
    if arguments.clock == "cpu":
        arguments.workers = []  # their time would not be counted
    print_padding()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), arguments)


def print_padding(utterances: int = 20_000, batch_size: int = 128) -> None:
    """Print the share of padding in the batches of an epoch, bucketed and in plain random order."""
    lengths = speech_lengths(utterances)
    categories = np.zeros(utterances, np.int64)
    bucketed = TrainingBatches(lengths, categories, BatchSize(batch_size), Draw()).global_batches(0)
    budget = BatchSize(4 * batch_size, batch_size * int(lengths.mean()))
    budgeted = TrainingBatches(lengths, categories, budget, Draw()).global_batches(0)
    plain = np.array_split(np.random.default_rng(0).permutation(utterances), len(bucketed))
    table = Table("batches", "padding", title=f"{utterances:,} utterances, log-normal, mean 5.8 s")
    table.add_row(f"bucketed, {batch_size} utterances", f"{padding_waste(bucketed, lengths):.1%}")
    table.add_row(f"bucketed, at most {budget.frames:,} frames", f"{padding_waste(budgeted, lengths):.1%}")
    table.add_row(f"in random order, {batch_size} utterances", f"{padding_waste(plain, lengths):.1%}")
    Console().print(table)


def measure(folder: Path, arguments: argparse.Namespace) -> None:
    """Print the bandwidth of the loader, with and without workers, over that of a sequential copy."""
    cache, lengths = write_frames(folder / "cache", arguments.clips, arguments.dim)
    write_manifest(folder / "manifest.parquet", lengths)
    gigabytes = int(lengths.sum()) * arguments.dim * 2 / 1e9
    sampler = TrainingBatches(lengths, np.zeros(len(lengths), np.int64), BatchSize(arguments.batch_size), Draw())
    waste = padding_waste(sampler.global_batches(0), lengths)
    batch = int(arguments.batch_size * lengths.mean())
    ways: dict[str, Callable[[], None]] = {
        f"sequential copy, buffer of a batch ({batch * arguments.dim * 2 / 1e6:.0f} MB)": copier(
            folder, arguments.dim, batch
        ),
        "sequential copy, buffer of a clip": copier(folder, arguments.dim, int(lengths.mean())),
        "loader, in process": reader(folder, arguments, 0),
        "the same into fresh memory": fresh_reader(cache, sampler),
    }
    ways |= {
        f"loader, {count} worker{'s' * (count > 1)}": reader(folder, arguments, count) for count in arguments.workers
    }
    fastest = dict.fromkeys(ways, float("inf"))
    for way in ways.values():
        way()
    clock = time.perf_counter if arguments.clock == "wall" else time.process_time
    for _ in range(arguments.repeats):
        for name, way in ways.items():
            start = clock()
            way()
            fastest[name] = min(fastest[name], clock() - start)
    reference = next(iter(fastest.values()))
    table = Table("reading", "GB/s", "of sequential")
    table.title = f"{len(lengths)} clips, {gigabytes:.2f} GB, batches of {arguments.batch_size}, padding {waste:.1%}"
    for name, seconds in fastest.items():
        table.add_row(name, f"{gigabytes / seconds:.2f}", f"{reference / seconds:.0%}")
    Console().print(table)


def copier(folder: Path, dim: int, rows: int) -> Callable[[], None]:
    encoder = folder / "cache" / ENCODER
    mapped = [map_frames(shard_path(encoder, name), dim, "bfloat16") for name in shard_names(encoder)]
    buffer = torch.empty(rows, dim, dtype=torch.bfloat16)

    def copy() -> None:
        for frames in mapped:
            for piece in frames.split(rows):
                buffer[: len(piece)].copy_(piece)

    return copy


def reader(folder: Path, arguments: argparse.Namespace, workers: int) -> Callable[[], None]:
    """Return an epoch of the data module's own loader; the first epoch's order, every time."""
    data = EmotionDataModule(
        folder / "manifest.parquet", folder / "cache", batch_size=arguments.batch_size, workers=workers
    )
    loader = data.train_dataloader()

    def read() -> None:
        for batch in loader:
            assert batch.frames[ENCODER].dim == arguments.dim

    return read


def fresh_reader(cache: EmbeddingCache, sampler: TrainingBatches) -> Callable[[], None]:
    """Return an epoch of the same copies into memory that is allocated for each batch: what lent memory buys."""

    def read() -> None:
        for keys in sampler:
            sequences = [cache.read(ENCODER, position) for position, _ in keys]
            shape = (len(sequences), max(map(len, sequences)), sequences[0].shape[1])
            for row, sequence in zip(torch.empty(shape, dtype=sequences[0].dtype), sequences, strict=True):
                row[: len(sequence)].copy_(sequence)
                row[len(sequence) :].zero_()

    return read


def write_manifest(path: Path, lengths: np.ndarray) -> None:
    rows = len(lengths)
    names = [f"corpus/{number:07d}" for number in range(rows)]
    columns = {
        "utterance_id": names,
        "corpus": ["corpus"] * rows,
        "audio": names,
        "file_name": names,
        "speaker": names,
        "language": ["en"] * rows,
        "split": ["train"] * rows,
        "category": ["neutral"] * rows,
        "duration": (lengths / 50).tolist(),
        "audio_sha256": [number.to_bytes(32, "big").hex() for number in range(rows)],
    }
    build(columns, ManifestMetadata("/", "challenge")).write(path)


if __name__ == "__main__":
    main()
