"""What comparing frames with their checksums costs in a first epoch of the published head, in one run.

    python scripts/bench_checksums.py [--clips 384] [--batch 128] [--threads 2] [--repeats 3]

A process compares an entry of the cache with its checksum when it first reads it. Epochs of a fresh data module, in
which nothing was compared yet, alternate with epochs over the same files whose index has no checksums, as an older
one. Frames are random, of three encoders at their true sizes in bfloat16, lengths log-normal as in MSP-Podcast; the
head is `model/published`, with both of its losses and the configs' AdamW.
"""

import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from bench_training_step import CLASSES, ENCODERS, Side, draw_lengths, write_data
from jsonargparse import auto_cli
from rich.console import Console
from rich.table import Table
from torch import Tensor

from vibespeaker.batch import EmotionBatch
from vibespeaker.cache import store
from vibespeaker.cache.index import Index
from vibespeaker.cache.merge import INDEX_FILE
from vibespeaker.losses import AttributeMSE, CrossEntropy, InverseFrequency, MultiTaskLoss
from vibespeaker.models import AttentiveStatisticsPooling, MultiEncoderModel
from vibespeaker.tasks import EmotionDataModule

WAYS = ("compared", "not compared")


def main(clips: int = 384, batch: int = 128, threads: int = 2, repeats: int = 3) -> None:
    """Print how long an epoch takes with and without the comparison, and what reading takes of it.

    Args:
        clips: clips of an epoch.
        batch: clips of a batch.
        threads: threads of the tensor library.
        repeats: epochs of each kind, of which the fastest counts.
    """
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as name:
        folder, lengths = Path(name), draw_lengths(clips)
        write_data(folder, lengths)
        side = published(read(folder, batch))
        side.train(iter(read(folder, batch).train_dataloader()), 1)  # warm
        fastest: dict[str, tuple[float, float, float]] = {}
        for _ in range(repeats):
            for way in WAYS:
                keep_checksums(folder, way == "compared")
                took = epoch(side, read(folder, batch).train_dataloader(), clips // batch)
                fastest[way] = min(fastest.get(way, took), took)
        bytes_read = sum(2 * dim * int(lengths[name].sum()) for name, dim in ENCODERS.items())
    title = f"an epoch of {clips} clips, {bytes_read / 1e9:.2f} GB; seconds of processor time"
    table = Table("frames", "epoch", "ratio", "reading by the clock", "comparing alone", "of the epoch", title=title)
    for way in WAYS:
        total, reading, comparing = fastest[way]
        ratio = total / fastest[WAYS[1]][0]
        cells = (f"{total:.2f}", f"{ratio:.3f}", f"{reading:.2f}", f"{comparing:.2f}", f"{comparing / total:.1%}")
        table.add_row(way, *cells)
    Console(width=120).print(table)


def read(folder: Path, batch: int) -> EmotionDataModule:
    """Return the data of `fit`, of which nothing was read."""
    return EmotionDataModule(folder / "manifest.parquet", folder / "cache", list(ENCODERS), batch_size=batch)


def published(data: EmotionDataModule) -> Side:
    """Return the published head in training."""
    torch.manual_seed(0)
    pooling = partial(AttentiveStatisticsPooling, per_channel=False, global_context=False, batch_norm=False)
    model = MultiEncoderModel(ENCODERS, len(CLASSES), pooling=pooling, projection_dim=1028, lstm_dim=2048)
    terms = {"attributes": AttributeMSE(), "categories": CrossEntropy(InverseFrequency())}
    loss = MultiTaskLoss(terms, {"attributes": 0.5, "categories": 0.5})
    loss.set_class_counts(torch.from_numpy(data.class_counts()))
    return Side(model, loss, torch.device("cpu"), fused=True)


def keep_checksums(folder: Path, kept: bool) -> None:
    """Write every encoder's index with checksums, or without them."""
    for name in ENCODERS:
        path = folder / "cache" / name / INDEX_FILE
        whole = path.with_suffix(".whole")
        if not whole.exists():
            path.rename(whole)
        index = Index.read(whole)
        (index if kept else replace(index, checksums=None)).write(path)


def epoch(side: Side, batches: Iterable[EmotionBatch], steps: int) -> tuple[float, float, float]:
    """Train an epoch; return its processor time, how long reading took by the clock, and the comparison's own time."""
    before, comparing = store.checksum, 0.0

    def timed(frames: Tensor) -> int:
        nonlocal comparing
        start = time.thread_time()
        found = before(frames)
        comparing += time.thread_time() - start
        return found

    store.checksum = timed
    start = time.process_time()
    side.train(iter(batches), steps)
    took = time.process_time() - start
    store.checksum = before
    return took, side.seconds["read"], comparing


if __name__ == "__main__":
    auto_cli(main)
