"""One fold of a trained system: `fit` on all training speakers, `predict` the left-out fold; done once, resumable."""

import logging
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from vibespeaker.cache import EmbeddingCache
from vibespeaker.config_files import find_config
from vibespeaker.config_files.yaml_text import read_mapping
from vibespeaker.files import file_sha256
from vibespeaker.progress import tracked
from vibespeaker.trainer.layers import layers
from vibespeaker.workflows.steps import Chain, Training, training_step


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


def run_fold(run: FoldRun) -> None:
    """Train and predict unless that is done; an interrupted training goes on."""
    torch.set_num_threads(1)  # the network is small: several threads are slower, and folds may run side by side
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.WARNING)
    training = Training(run.runs, run.fold, tuple(run.options()), run.system, checkpoint="last")
    Chain(run.runs).run(training_step(run.fold, f"{run.system}: {run.fold}", run.facts(), training))


def run_folds(runs: Sequence[FoldRun], title: str, processes: int) -> None:
    """Train and predict all that is not done, so many at the same time."""
    with tracked(title, len(runs), "folds") as progress:
        if processes < 2:
            for run in runs:
                run_fold(run)
                progress.advance()
            return
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            for done in as_completed([pool.submit(run_fold, run) for run in runs]):
                done.result()
                progress.advance()
