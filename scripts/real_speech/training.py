"""One fold of a trained system: `fit` on all training speakers, `predict` the left-out fold; done once, resumable."""

import logging
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from real_speech.corpora import Corpus
from vibespeaker.cache import EmbeddingCache
from vibespeaker.config_files import find_config
from vibespeaker.config_files.yaml_text import read_mapping
from vibespeaker.files import file_sha256
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.progress import tracked
from vibespeaker.trainer.layers import layers
from vibespeaker.workflows.steps import Chain, Step, Training, training_step


@dataclass(frozen=True)
class FoldRun:
    """What one training run needs.

    Args:
        config: shipped experiment.
        system: name in tables.
        manifest: with splits `train` and `test`.
        cache: embedding cache.
        runs: folder of the system's and seed's runs.
        fold: name of the fold, and of the run folder.
        seed: of weights, order and views.
        overrides: further options of `fit`, for trying settings.
    """

    config: str
    system: str
    manifest: Path
    cache: Path
    runs: Path
    fold: str
    seed: int
    overrides: tuple[str, ...] = ()

    @property
    def predictions(self) -> Path:
        """The table of the left-out fold."""
        return self.runs / self.fold / "predictions.parquet"

    def epochs(self) -> int:
        """Return for how many epochs it was trained."""
        return int(read_mapping(self.runs / self.fold / "config.yaml")["trainer"]["max_epochs"])

    def facts(self) -> dict[str, object]:
        """Return all that decides the result."""
        return {
            **{name: str(value) for name, value in asdict(self).items() if name not in ("cache", "runs", "manifest")},
            "configs": [file_sha256(path) for path in layers(find_config(self.config))],
            "manifest": file_sha256(self.manifest),
            "cache": EmbeddingCache.open(self.cache).digest,
        }

    def options(self) -> list[str]:
        """Return the command line behind `fit` and `predict`.

        No part of the training speakers is kept for choosing a checkpoint: the last one is taken, whatever it scores.
        """
        data = "--data.init_args"
        return [
            *("--config", self.config),
            f"--seed_everything={self.seed}",
            f"{data}.seed={self.seed}",
            f"{data}.manifest={self.manifest}",
            f"{data}.cache={self.cache}",
            *(f"{data}.splits.validation=[]", f"{data}.splits.predict=[test]"),
            *("--model.init_args.checkpoints.monitor=null",),
            "--trainer.enable_progress_bar=false",
            *self.overrides,
        ]


def fold_runs(
    config: str, system: str, corpus: Corpus, folds: Mapping[str, Path], seed: int, overrides: Sequence[str] = ()
) -> list[FoldRun]:
    """Return what trains a system on each fold of a corpus, in the corpus's folder; fold → manifest in `folds`."""
    runs = corpus.folder / system / f"seed{seed}"
    return [
        FoldRun(config, system, path, corpus.cache, runs, fold, seed, tuple(overrides)) for fold, path in folds.items()
    ]


def run_fold(run: FoldRun) -> None:
    """Train and predict unless that is done; an interrupted training goes on."""
    _be_small()
    training = Training(run.runs, run.fold, tuple(run.options()), run.system, checkpoint="last")
    Chain(run.runs).run(training_step(run.fold, f"{run.system}: {run.fold}", run.facts(), training))


def predict_elsewhere(run: FoldRun, manifests: Mapping[str, Path], cache: Path, out: Path) -> None:
    """Predict the test split of another manifest with a fold that is trained, unless that is done.

    Args:
        run: the fold; its last checkpoint predicts.
        manifests: fold → the other manifest.
        cache: of that one's clips.
        out: folder of the tables, `FOLD.parquet`.
    """
    _be_small()
    from vibespeaker.trainer.cli import run_trainer  # seconds, where all is done

    other, table = replace(run, manifest=manifests[run.fold], cache=cache), out / f"{run.fold}.parquet"
    named = ("--name", run.fold, "--runs", str(run.runs), "--ckpt_path", "last", "--system", run.system)
    command = ["predict", *other.options(), *named, "--out", str(table)]
    facts = {**other.facts(), "checkpoint": file_sha256(checkpoint_path(run.runs / run.fold, "last"))}

    def predict() -> None:
        run_trainer(command)

    Chain(out).run(Step(run.fold, f"{run.system}: {run.fold}", facts, (table,), predict))


def _be_small() -> None:
    torch.set_num_threads(1)  # the network is small: several threads are slower, and folds may run side by side
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.WARNING)


def run_folds(runs: Sequence[FoldRun], title: str, processes: int, work: Callable[[FoldRun], None] = run_fold) -> None:
    """Train and predict all that is not done, so many at the same time; or do other work with each."""
    with tracked(title, len(runs), "folds") as progress:
        if processes < 2:
            for run in runs:
                work(run)
                progress.advance()
            return
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            for done in as_completed([pool.submit(work, run) for run in runs]):
                done.result()
                progress.advance()
