"""The runs behind the shipped model: one for each speaker left out, which are scored, and one on all speakers."""

from collections.abc import Sequence
from pathlib import Path

from real_speech.corpora import Corpus
from real_speech.scores import pool
from real_speech.training import FoldRun, run_folds

from vibespeaker.workflows.steps import Chain, Training, training_step

CONFIG = "embedded"
ALL = "all"
#: What differs from the embedded default, as chosen by choose_shipped.py: members weigh alike, and the closed form's
#: penalty is smaller and views count as they are.
CHOSEN = (
    "--model.init_args.network.init_args.weights={}",
    *(
        f"--model.init_args.network.init_args.ridge.{member}.{setting}"
        for member in ("functionals", "convolutions", "contours")
        for setting in ("penalty=0.3", "spread=1")
    ),
)


def leave_one_speaker_out(corpus: Corpus, seed: int, folds: Sequence[str] | None = None, processes: int = 1) -> Path:
    """Train without each speaker in turn and return the pooled predictions of the speakers that were left out."""
    folder = corpus.folder / "loso" / f"seed{seed}"
    runs = [
        FoldRun(CONFIG, "left out", path, corpus.cache, folder, fold, seed, CHOSEN)
        for fold, path in corpus.folds().items()
        if folds is None or fold in folds
    ]
    run_folds(runs, f"left out, seed {seed}", processes)
    return pool([run.predictions for run in runs], corpus.manifest, folder / "predictions.parquet")


def train_on_all(corpus: Corpus, seed: int) -> Path:
    """Train on all speakers and return the last checkpoint; it is done once and goes on where it was interrupted."""
    runs = corpus.folder / "all"
    run = FoldRun(CONFIG, ALL, corpus.manifest, corpus.cache, runs, f"seed{seed}", seed, CHOSEN)
    training = Training(runs, run.fold, tuple(run.options()), ALL, predict=None)
    checkpoint = training.folder / "checkpoints" / "last.ckpt"
    title = f"training on all speakers, seed {seed}"
    Chain(runs).run(training_step(run.fold, title, run.facts(), training, (checkpoint,)))
    return checkpoint
