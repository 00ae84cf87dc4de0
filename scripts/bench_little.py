"""How much the embedded default and ComParE learn from few clips: 5, 10 and 20 of each class, and all there are.

    python scripts/bench_little.py --data ../shared/data --out runs/real-speech --seeds 1 2 3 --processes 2

The folds of `bench_real_speech.py`, RAVDESS by four actors and EmoDB by speakers, with the same left-out speakers; of
the training speakers so many clips of each class are drawn, by the seed, and both systems learn from the same clips.
What learned from all clips is trained here or there: the same OUT, seeds and settings are trained once. The settings
are the shipped ones, whatever the number of clips; the SVM's C is chosen among the drawn clips' speakers.

Estimates for one core: a seed of `embedded` 15 minutes (42 trainings) besides that on all clips, of `compare-svm` 2.
It can be stopped at any time and goes on where it stopped; a changed config, setting or seed is trained anew. Numbers
go to OUT/little.json, the table to OUT/little.md, and the curve to OUT/pictures/little.svg and .png: means over seeds,
and the band from the worst seed to the best.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from real_speech.corpora import Corpus, chosen_folds
from real_speech.functionals import Features, functionals, predict_fold
from real_speech.options import SOURCES, parser_for
from real_speech.scores import pool, score, spread
from real_speech.tables import shown
from real_speech.training import fold_runs, run_folds

from vibespeaker.figures import line_panels, write_figure
from vibespeaker.files import write_text
from vibespeaker.manifest import Manifest
from vibespeaker.progress import tracked

EMBEDDED, STANDARD = "embedded", "compare-svm"
#: Clips of each class → UAR, one for each seed; `None` stands for all clips.
Curve = dict[int | None, list[float]]


def main() -> None:
    parser = parser_for(__doc__)
    parser.add_argument("--corpora", nargs="+", choices=SOURCES, default=list(SOURCES))
    parser.add_argument("--systems", nargs="+", choices=[EMBEDDED, STANDARD], default=[EMBEDDED, STANDARD])
    parser.add_argument("--clips", nargs="+", type=int, default=[5, 10, 20], help="of each class")
    parser.add_argument("--not-all", action="store_true", help="leave out what learns from all clips")
    options = parser.parse_args()
    amounts = [*sorted(options.clips), *([] if options.not_all else [None])]
    found: dict[str, dict[str, Curve]] = {}
    sizes = {}
    for name in options.corpora:
        corpus = Corpus(name, options.data / SOURCES[name], options.out / name)
        corpus.folder.mkdir(parents=True, exist_ok=True)
        if EMBEDDED in options.systems:
            corpus.make()
        corpus.prepare()
        features = (
            functionals(corpus.manifest, corpus.folder / "compare2016.npy") if STANDARD in options.systems else None
        )
        found[name] = {system: {} for system in options.systems}
        for system in options.systems:
            for amount in amounts:
                seeds = options.seeds if amount is not None or system == EMBEDDED else options.seeds[:1]
                tables = [_table(corpus, system, amount, seed, features, options) for seed in seeds]
                values = [score(table, corpus.manifest).scores["uar"].value for table in tables]
                found[name][system][amount] = values
        sizes[name] = _per_class(chosen_folds(name, corpus.folds(), options.folds))
    rows = [
        [f"{system}, {name}", *(spread(found[name][system][amount]) for amount in amounts)]
        for name in found
        for system in options.systems
    ]
    header = ["clips of each class", *("all" if amount is None else str(amount) for amount in amounts)]
    text = shown("UAR on left-out speakers", header, rows)
    numbers = {
        name: {
            system: {str(amount or "all"): values for amount, values in curve.items()} for system, curve in of.items()
        }
        for name, of in found.items()
    }
    write_text(options.out / "little.json", json.dumps({**numbers, "all": sizes}, indent=1, sort_keys=True) + "\n")
    write_text(options.out / "little.md", "\n".join(text) + "\n")
    _draw(found, sizes, options.out / "pictures")


def _table(
    corpus: Corpus, system: str, amount: int | None, seed: int, features: Features | None, options: argparse.Namespace
) -> Path:
    """Learn from so many clips of each class; return the predictions of all left-out speakers."""
    folds = corpus.folds() if amount is None else corpus.few_folds(amount, seed)
    folds = chosen_folds(corpus.name, folds, options.folds)
    name = system if amount is None else f"{system}-{amount}"
    if system == EMBEDDED:
        runs = fold_runs(EMBEDDED, name, corpus, folds, seed, [f"--{setting}" for setting in options.set])
        run_folds(runs, f"{corpus.name}, {name}, seed {seed}", options.processes)
        return pool([run.predictions for run in runs], corpus.manifest, runs[0].runs / "predictions.parquet")
    folder = corpus.folder / name / ("" if amount is None else f"seed{seed}")
    assert features is not None
    with tracked(f"{corpus.name}, {name}, seed {seed}", len(folds), "folds") as progress:
        for fold, manifest in folds.items():
            predict_fold(manifest, features, folder / f"{fold}.parquet", STANDARD)
            progress.advance()
    return pool([folder / f"{fold}.parquet" for fold in folds], corpus.manifest, folder / "predictions.parquet")


def _per_class(folds: Mapping[str, Path]) -> float:
    """Return how many training clips of a class there are in all, the mean over classes and folds."""
    counts = []
    for path in folds.values():
        read = Manifest.read(path, ["split", "category"])
        pairs = zip(read.column("split"), read.column("category"), strict=True)
        learned = [label for split, label in pairs if split == "train"]
        counts.append(len(learned) / len(set(learned)))
    return float(np.mean(counts))


def _draw(found: Mapping[str, Mapping[str, Curve]], sizes: Mapping[str, float], folder: Path) -> None:
    panels = {}
    for name, of in found.items():
        panels[f"{name}: UAR"] = {
            system: (
                [sizes[name] if amount is None else amount for amount in curve],
                [float(np.mean(values)) for values in curve.values()],
                [min(values) for values in curve.values()],
                [max(values) for values in curve.values()],
            )
            for system, curve in of.items()
        }
    ticks = sorted({amount for of in found.values() for curve in of.values() for amount in curve if amount is not None})
    if any(None in curve for of in found.values() for curve in of.values()):
        while 2 * ticks[-1] <= max(sizes.values()):
            ticks.append(2 * ticks[-1])
    figure = line_panels(panels, xlabel="training clips of each class", markers=True, log_ticks=ticks)
    for kind in ("svg", "png"):
        write_figure(figure, folder / f"little.{kind}")


if __name__ == "__main__":
    main()
