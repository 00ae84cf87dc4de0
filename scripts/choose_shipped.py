"""Choose the settings of the shipped model on EmoDB's speakers alone.

    python scripts/choose_shipped.py --data ../shared/data --out runs/choose

Each setting is tried in three folds of seven, six and six training speakers: nobody is scored whom the model heard, and
one speaker of every fold is neither heard nor scored. UAR and the calibrated log loss (temperature fitted on the same
answers) are pooled over the folds' nine scored speakers. What does not touch a network is then tried on those that are
trained. It can be stopped at any time and goes on where it stopped.
"""

import argparse
import logging
from itertools import product
from pathlib import Path

import torch
from real_speech.corpora import Corpus
from real_speech.members import LEARNED, Combination, tell
from real_speech.scores import pool, score
from real_speech.training import FoldRun, run_folds
from rich.console import Console
from rich.table import Table
from shipped.measuring import calibrated
from shipped.training import CHOSEN
from train_shipped import PLACES, VIEWS

from vibespeaker.config_files import find_config
from vibespeaker.models import Ridge

#: Setting → options of `fit` beside experiment/embedded.
SETTINGS: dict[str, tuple[str, ...]] = {
    "as the embedded default": (),
    "as shipped": CHOSEN,
    "60 epochs": ("--trainer.max_epochs=60",),
    "label smoothing of 0.1": ("--model.init_args.loss.init_args.terms.categories.init_args.label_smoothing=0.1",),
}
_PLAIN = Ridge()


def _combined(contours: float, convolutions: float, network: float, ridge: Ridge = _PLAIN) -> Combination:
    return Combination(ridge, {"contours": contours, "convolutions": convolutions, LEARNED: network})


#: What a network does not learn from: these are tried on those of every setting, `COMBINATIONS` on those of the first.
WEIGHED = {
    f"contours {contours:g}, convolutions {convolutions:g}, network {network:g}": _combined(
        contours, convolutions, network
    )
    for contours, convolutions, network in product((0.0, 1.0, 2.0), (0.0, 1.0), (0.5, 1.0, 2.0))
}
COMBINATIONS = {
    **WEIGHED,
    **{
        f"contours 1, convolutions {convolutions:g}, network 1, {title}": _combined(1.0, convolutions, 1.0, ridge)
        for title, ridge in {
            "penalty 0.3": Ridge(penalty=0.3),
            "penalty 3": Ridge(penalty=3.0),
            "sharpness 15": Ridge(sharpness=15.0),
            "classes balanced by half": Ridge(balance=0.5),
            "limit 3": Ridge(limit=3.0),
            "spread 2.5": Ridge(spread=2.5),
        }.items()
        for convolutions in (0.0, 1.0)
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the corpora")
    parser.add_argument("--out", type=Path, default=Path("runs/choose"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--settings", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--processes", type=int, default=1, help="folds trained at the same time, a core each")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    torch.set_num_threads(1)
    extraction = {"views": VIEWS, "augmentation": find_config(PLACES, "augmentation")}
    corpus = Corpus("emodb", options.data / "emodb", options.out / "emodb", extraction)
    corpus.folder.mkdir(parents=True, exist_ok=True)
    corpus.make()
    table = Table("setting", "UAR", "WA", "log loss", "calibrated", "expected calibration error", "calibrated")
    for name in options.settings:
        folder = corpus.folder / "tried" / _folder(name)
        runs = [
            FoldRun("embedded", name, path, corpus.cache, folder, fold, options.seed, SETTINGS[name])
            for fold, path in corpus.inner_folds().items()
        ]
        run_folds(runs, name, options.processes)
        pooled = pool([run.predictions for run in runs], corpus.manifest, folder / "predictions.parquet")
        table.add_row(name, *_scored(pooled, corpus.manifest))
        Console().print(table)
    for name in options.settings:
        tried = COMBINATIONS if name == next(iter(SETTINGS)) else WEIGHED
        print(name)
        Console().print(tell(corpus, corpus.folder / "tried" / _folder(name), tried))


def _folder(setting: str) -> str:
    return setting.replace(" ", "-")


def _scored(table: Path, manifest: Path) -> list[str]:
    found, measures = score(table, manifest), calibrated(table, manifest)[1]
    before, after = measures["as predicted"], measures["calibrated"]
    scores = [f"{float(found.scores[name].value):.3f}" for name in ("uar", "accuracy")]
    return [*scores, *(f"{one[measure]:.3f}" for measure in ("nll", "ece") for one in (before, after))]


if __name__ == "__main__":
    main()
