"""The two corpora of the benchmark: prepared and extracted once, and cut into folds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vibespeaker.manifest import Manifest
from vibespeaker.prepare.prepare import prepare
from vibespeaker.prepare.split.folds import leave_one_out
from vibespeaker.workflows.quickstart.data import extract_embedded

#: RAVDESS actors that are left out together.
ACTOR_FOLDS = (range(1, 5), range(5, 9), range(9, 13), range(13, 17))
#: Corpus → which of the following folds are tried on, and the folds where that is done, so that none is tried twice.
INNER = {"ravdess": ((1,), (0, 1, 2, 3)), "emodb": ((1, 2, 3), (0, 4, 7))}


@dataclass(frozen=True)
class Corpus:
    """A corpus and where its files are.

    Args:
        name: `ravdess` or `emodb`, also the format.
        source: folder as published.
        folder: where everything made from it goes.
        extraction: further options of `extract`, to try smaller caches; each choice has a cache of its own.
    """

    name: str
    source: Path
    folder: Path
    extraction: Mapping[str, Any] = field(default_factory=dict)

    @property
    def manifest(self) -> Path:
        """Manifest of all utterances, all called `train`: folds take the place of that split later."""
        return self.folder / "manifest.parquet"

    @property
    def cache(self) -> Path:
        """Embedding cache of all utterances with their views; folds share it, since it knows audio and no split."""
        chosen = {name: value.stem if isinstance(value, Path) else value for name, value in self.extraction.items()}
        words = [f"{option}-{'-'.join(map(str, np.atleast_1d(value)))}" for option, value in chosen.items()]
        return self.folder / "-".join(["cache", *words])

    def prepare(self) -> None:
        """Prepare the manifest unless it is there."""
        if not self.manifest.is_file():
            prepared = self.folder / "prepared.parquet"
            prepare(self.name, self.source, prepared)
            read = Manifest.read(prepared)
            read.with_columns({"split": ["train"] * len(read)}).write(self.manifest)

    def make(self) -> None:
        """Prepare and extract what is not there yet."""
        self.prepare()
        extract_embedded(self.manifest, self.cache, **self.extraction)

    def folds(self) -> dict[str, Path]:
        """Write the speaker-disjoint folds' manifests; name → manifest whose `test` split is the left-out fold."""
        read = Manifest.read(self.manifest)
        if self.name == "emodb":
            return self._write("speakers", ((name.rpartition("/")[2], rows) for name, rows in _each_speaker(read)))
        actors = np.array([int(speaker.rpartition("/")[2]) for speaker in read.column("speaker")])
        return self._write("speakers", ((f"{f[0]:02d}-{f[-1]:02d}", np.isin(actors, f)) for f in ACTOR_FOLDS))

    def inner_folds(self) -> dict[str, Path]:
        """Write, for each fold, one that leaves its test split out altogether and tests on others of its speakers.

        Settings are chosen by these: no utterance that a setting is tried on is scored by the model it was chosen for.
        """
        read, folds = Manifest.read(self.manifest), self.folds()
        tests = [np.array(Manifest.read(path).column("split")) == "test" for path in folds.values()]
        steps, places = INNER[self.name]
        found = {}
        for at, name in enumerate(folds):
            if at not in places:
                continue
            tried = np.any([tests[(at + step) % len(tests)] for step in steps], axis=0)
            splits = np.where(tried, "test", np.where(tests[at], None, "train"))
            made = read.with_columns({"split": splits.tolist()}, {"step": "inner fold", "fold": name})
            found[name] = write_fold(made, self.folder, "inner", name)
        return found

    def random_folds(self, seed: int) -> dict[str, Path]:
        """Write as many folds that take utterances at random, so that the same speakers train and test."""
        read = Manifest.read(self.manifest)
        count = len(self.folds())
        folds = np.random.default_rng(seed).permutation(len(read)) % count
        return self._write(f"random-{seed}", ((str(fold), folds == fold) for fold in range(count)))

    def shuffled_folds(self, seed: int) -> dict[str, Path]:
        """Write the speaker-disjoint folds with the training split's labels shuffled; the test split keeps its own."""
        found = {}
        for name, path in self.folds().items():
            read = Manifest.read(path)
            labels, split = np.array(read.column("category"), dtype=object), np.array(read.column("split"))
            training = np.flatnonzero(split == "train")
            labels[training] = labels[np.random.default_rng(seed).permutation(training)]
            made = read.with_columns({"category": labels.tolist()}, {"step": "shuffle labels", "seed": seed})
            found[name] = write_fold(made, self.folder, f"shuffled-{seed}", name)
        return found

    def few_folds(self, per_class: int, seed: int) -> dict[str, Path]:
        """Write the speaker-disjoint folds with so many training clips of each class; more clips include fewer.

        Args:
            per_class: clips of each class, drawn from all training speakers; all there are where there are fewer.
            seed: of the draw.
        """
        found = {}
        for name, path in self.folds().items():
            read = Manifest.read(path)
            labels, split = (np.array(read.column(name), dtype=object) for name in ("category", "split"))
            order = np.random.default_rng(seed).permutation(np.flatnonzero(split == "train"))
            for label in np.unique(labels[order]):
                split[order[labels[order] == label][per_class:]] = None
            step = {"step": "few clips", "per_class": per_class, "seed": seed}
            made = read.with_columns({"split": split.tolist()}, step)
            found[name] = write_fold(made, self.folder, f"few-{per_class}-{seed}", name)
        return found

    def _write(self, kind: str, folds: Iterator[tuple[str, npt.NDArray[np.bool_]]]) -> dict[str, Path]:
        read = Manifest.read(self.manifest)
        found = {}
        for name, is_test in folds:
            splits = np.where(is_test, "test", "train").tolist()
            made = read.with_columns({"split": splits}, {"step": "split", "by": kind, "fold": name})
            found[name] = write_fold(made, self.folder, kind, name)
        return found


def write_fold(made: Manifest, folder: Path, kind: str, name: str) -> Path:
    """Write a fold's manifest below a folder and return where it is."""
    path = folder / "folds" / kind / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    made.write(path)
    return path


def chosen_folds(corpus: str, folds: Mapping[str, Path], wanted: Sequence[str] | None) -> dict[str, Path]:
    """Return the folds of the names wanted, all by default; at least one."""
    chosen = {name: path for name, path in folds.items() if wanted is None or name in wanted}
    if not chosen:
        raise SystemExit(f"{corpus} has no such fold: {wanted}; it has {', '.join(folds)}")
    return chosen


def _each_speaker(read: Manifest) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    for name, split in leave_one_out(read, "speaker", validation=0):
        yield name, np.array(split.column("split")) == "test"
