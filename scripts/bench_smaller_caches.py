"""What smaller caches cost: differences of pooled statistics, and scores on unseen speakers (RAVDESS).

    python scripts/bench_smaller_caches.py --statistics
    python scripts/bench_smaller_caches.py --scores --data ../shared/data --out runs/smaller-caches --processes 2

Statistics: mean and standard deviation over a clip's frames, of each kind of cache against float32 frames; a channel's
RMS difference over the RMS of its frames, and of these the RMS over channels. `speech` are the embedded descriptors of
real recordings, `wide` random frames with a few channels a hundred times as large as the rest, as in large encoders.

Scores: the folds of `bench_real_speech.py`, trained and predicted in the same way on each kind of cache. A cache of
statistics has no frames for the network of experiment/embedded; it is compared with pooling the same statistics from
frames. Training can be stopped at any time and goes on where it stopped.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from real_speech.corpora import Corpus
from real_speech.scores import Outcome, cost_of, pool, show
from real_speech.training import FoldRun, run_folds
from rich.console import Console
from rich.table import Table
from torch import Tensor

from vibespeaker.audio.recordings import COLUMNS, Recordings
from vibespeaker.cache.precision import from_stored, to_stored
from vibespeaker.encoders.base import pad_frames
from vibespeaker.encoders.reduced import neighbours_mean
from vibespeaker.encoders.specs import build_encoders, read_specs
from vibespeaker.manifest import Manifest

#: Fisher vectors are made of frames.
_WITHOUT_CONTOURS = "--data.init_args.encoders=[functionals,convolutions,descriptors]"
_POOLING = "--model.init_args.network.init_args.poolings.descriptors.init_args.pooling=vibespeaker.models."


@dataclass(frozen=True)
class Kind:
    """A kind of cache: options of `extract`, and further ones of `fit`."""

    extraction: Mapping[str, Any] = field(default_factory=dict)
    training: tuple[str, ...] = ()


KINDS = {
    "float32": Kind({"dtype": "float32"}),
    "bfloat16": Kind(),
    "float16": Kind({"dtype": "float16"}),
    "int8": Kind({"dtype": "int8"}),
    "stride 2": Kind({"stride": 2}),
    "stride 4": Kind({"stride": 4}),
    "statistics of frames": Kind(training=(f"{_POOLING}StatisticsPooling", _WITHOUT_CONTOURS)),
    "statistics": Kind({"statistics": ["mean", "std"]}, (f"{_POOLING}MeanPooling", _WITHOUT_CONTOURS)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the corpora")
    parser.add_argument("--out", type=Path, default=Path("runs/smaller-caches"))
    parser.add_argument("--statistics", action="store_true", help="measure differences of pooled statistics")
    parser.add_argument("--clips", type=int, default=200, help="clips of either sort")
    parser.add_argument("--scores", action="store_true", help="train and score")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--folds", nargs="+", help="names of folds; all by default. Scores are then of these alone")
    parser.add_argument("--processes", type=int, default=1, help="folds trained at the same time, a core each")
    parser.add_argument("--set", nargs="+", default=[], help="options of fit, e.g. trainer.max_epochs=2")
    options = parser.parse_args()
    if options.statistics:
        show_statistics(options)
    if options.scores:
        show_scores(options)


def show_statistics(options: argparse.Namespace) -> None:
    clips = {
        "speech": described(options.data / "ravdess", options.out, options.clips),
        "wide": wide(options.clips),
    }
    table = Table("cache", "bytes", *(f"{sort} {name}" for sort in clips for name in ("mean", "std")))
    table.title = f"{options.clips} clips; bytes relative to bfloat16"
    exact = {sort: statistics(frames) for sort, frames in clips.items()}
    for name, change in CHANGES.items():
        cells, sizes = [], []
        for sort, frames in clips.items():
            changed = [change(one) for one in frames]
            sizes.append(sum(stored_bytes(one) for one in changed) / sum(2 * one.numel() for one in frames))
            found = statistics([from_stored(one) for one in changed])
            size = (exact[sort][0].square() + exact[sort][1].square()).mean(0)  # (dim,), mean square of frames
            cells += [f"{relative(*pair, size):.1e}" for pair in zip(found, exact[sort], strict=True)]
        table.add_row(name, f"{max(sizes):.0%}", *cells)
    Console().print(table)


#: Frames `(frames, dim)` in float32 → what a cache holds of them.
CHANGES = {
    "bfloat16": lambda frames: to_stored(frames, "bfloat16"),
    "float16": lambda frames: to_stored(frames, "float16"),
    "int8": lambda frames: to_stored(frames, "int8"),
    "stride 2": lambda frames: to_stored(strided(frames, 2), "bfloat16"),
    "stride 4": lambda frames: to_stored(strided(frames, 4), "bfloat16"),
    "every fourth frame": lambda frames: to_stored(frames[::4], "bfloat16"),
    "stride 4, int8": lambda frames: to_stored(strided(frames, 4), "int8"),
}


def strided(frames: Tensor, stride: int) -> Tensor:
    return neighbours_mean(pad_frames([frames]), stride).values[0]


def stored_bytes(stored: Tensor) -> int:
    return stored.numel() * stored.dtype.itemsize


def statistics(clips: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return means and standard deviations, each `(clips, dim)`."""
    pairs = [torch.std_mean(frames.double(), dim=0, correction=0) for frames in clips]
    return torch.stack([mean for _, mean in pairs]), torch.stack([deviation for deviation, _ in pairs])


def relative(found: Tensor, exact: Tensor, size: Tensor) -> float:
    return float(((found - exact).square().mean(0) / size).mean().sqrt())


def described(source: Path, out: Path, clips: int) -> list[Tensor]:
    """Return the embedded descriptors of recordings, evenly chosen."""
    corpus = Corpus("ravdess", source, out / "ravdess")
    corpus.prepare()
    manifest = Manifest.read(corpus.manifest, COLUMNS)
    encoder = build_encoders(read_specs(Path("embedded")))["descriptors"]
    recordings = Recordings(manifest)
    rows = range(0, len(manifest), max(1, len(manifest) // clips))[:clips]
    return [encoder([torch.from_numpy(recordings.read(row))]).values[0] for row in rows]


def wide(clips: int, dim: int = 256) -> list[Tensor]:
    """Return random frames, slow and fast parts, of channels whose scales differ as those of large encoders do."""
    generator = torch.Generator().manual_seed(0)
    scales = torch.exp(torch.randn(dim, generator=generator))
    scales[:4] *= 100
    found = []
    for _ in range(clips):
        frames = torch.randn(290, dim, generator=generator)
        slow = torch.randn(dim, generator=generator) + frames.cumsum(0) / 10
        found.append((slow + 0.5 * torch.randn(290, dim, generator=generator)) * scales)
    return found


def show_scores(options: argparse.Namespace) -> None:
    outcomes = [trained(name, KINDS[name], options) for name in options.kinds]
    corpus = corpus_of(KINDS["bfloat16"], options)
    show("ravdess", outcomes, corpus.manifest, options.out / "pictures")
    table = Table("cache", "bytes", "of bfloat16's", title="embeddings of RAVDESS with two views")
    sizes = {name: cache_bytes(corpus_of(KINDS[name], options).cache) for name in {*options.kinds, "bfloat16"}}
    for name in options.kinds:
        table.add_row(name, f"{sizes[name]:,}", f"{sizes[name] / sizes['bfloat16']:.0%}" if sizes["bfloat16"] else "")
    Console().print(table)


def corpus_of(kind: Kind, options: argparse.Namespace) -> Corpus:
    return Corpus("ravdess", options.data / "ravdess", options.out / "ravdess", kind.extraction)


def cache_bytes(cache: Path) -> int:
    return sum(path.stat().st_size for path in cache.glob("descriptors/shards/*.safetensors"))


def trained(name: str, kind: Kind, options: argparse.Namespace) -> Outcome:
    corpus = corpus_of(kind, options)
    corpus.make()
    system = name.replace(" ", "-")
    overrides = (*(f"--{setting}" for setting in options.set), *kind.training)
    tables, runs = [], []
    for seed in options.seeds:
        folder = corpus.folder / system / f"seed{seed}"
        of_seed = [
            FoldRun("embedded", name, path, corpus.cache, folder, fold, seed, overrides)
            for fold, path in corpus.folds().items()
            if options.folds is None or fold in options.folds
        ]
        run_folds(of_seed, f"{name}, seed {seed}", options.processes)
        tables.append(pool([run.predictions for run in of_seed], corpus.manifest, folder / "predictions.parquet"))
        runs += of_seed
    wall, epoch = cost_of([run.runs / run.fold for run in runs], runs[0].epochs())
    return Outcome(name, tuple(tables), wall, epoch)


if __name__ == "__main__":
    main()
