"""What the embedded default and ComParE learn in one corpus of another, and whether two corpora teach more than one.

    python scripts/bench_across.py --data ../shared/data --out runs/real-speech --seeds 1 2 3 --processes 2

RAVDESS (English, 704 clips) and EmoDB (German, 454) in the six classes that both have (`corpora/six`). Trained on:

  one corpus            four groups of its speakers are left out in turn, and tested
  the other corpus      all of it is learned; all of the corpus is tested
  both                  a group of each corpus is left out; one output for each class
  both, apart           the same with outputs for each corpus, of which those of the tested corpus answer

UAR in six classes; guessing gives .167. Nothing is chosen by what is tested: the settings are the shipped ones, and
the SVM's C is chosen among the training speakers.

Estimates for one core: cache and ComParE 2 and 4 minutes once, an embedded seed 20 (18 trainings), the SVM 3.
It can be stopped at any time and goes on where it stopped; a changed config, setting or seed is trained anew. Numbers
go to OUT/across.json and the table to OUT/across.md.
"""

import argparse
import json
from pathlib import Path

from real_speech.across import APART, BOTH, ELSEWHERE, Together, answers_of
from real_speech.corpora import Corpus, chosen_folds
from real_speech.functionals import predict_fold
from real_speech.options import SOURCES, parser_for
from real_speech.scores import score, spread
from real_speech.tables import shown
from real_speech.training import FoldRun, run_folds

from vibespeaker.files import write_text
from vibespeaker.progress import tracked

EMBEDDED, STANDARD = "embedded", "compare-svm"
TRAINED_ON = (*SOURCES, BOTH, APART)
#: Row of the table → what it was trained on for a tested corpus, and whether that is another corpus.
ROWS = {
    "the same corpus, other speakers": (lambda corpus: corpus, False),
    "the other corpus": (lambda corpus: next(name for name in SOURCES if name != corpus), True),
    "both corpora, other speakers": (lambda corpus: BOTH, False),
    "both, outputs for each": (lambda corpus: APART, False),
}


def main() -> None:
    parser = parser_for(__doc__)
    parser.add_argument("--systems", nargs="+", choices=[EMBEDDED, STANDARD], default=[EMBEDDED, STANDARD])
    parser.add_argument("--trained-on", nargs="+", choices=TRAINED_ON, default=list(TRAINED_ON))
    parser.add_argument("--prepare", action="store_true", help="make the cache and ComParE's features, and stop")
    options = parser.parse_args()
    first, second = (Corpus(name, options.data / source, options.out / name) for name, source in SOURCES.items())
    together = Together((first, second), options.out / BOTH)
    together.folder.mkdir(parents=True, exist_ok=True)
    together.prepare()
    if EMBEDDED in options.systems:
        together.make()
    if options.prepare:
        if STANDARD in options.systems:
            together.functionals()
        return
    found: dict[str, dict[str, list[float]]] = {}
    for system in options.systems:
        for trained_on in options.trained_on:
            folds = chosen_folds(together.name, together.folds(trained_on), options.folds)
            for seed in options.seeds if system == EMBEDDED else options.seeds[:1]:
                folder = together.folder / system / trained_on / f"seed{seed}"
                if system == EMBEDDED:
                    tables = _trained(together, trained_on, folds, folder, seed, options)
                else:
                    tables = _fitted(together, trained_on, folds, folder)
                _score(together, system, trained_on, tables, folder, found)
    names = [f"{system}, {name}" for system in options.systems for name in ROWS]
    rows = [
        [name, *(spread(found[name][one]) if one in found.get(name, {}) else "" for one in SOURCES)] for name in names
    ]
    text = shown("UAR in the six shared classes", ["trained on", *(f"tested on {name}" for name in SOURCES)], rows)
    write_text(options.out / "across.json", json.dumps(found, indent=1, sort_keys=True) + "\n")
    write_text(options.out / "across.md", "\n".join(text) + "\n")


def _trained(
    together: Together, trained_on: str, folds: dict[str, Path], folder: Path, seed: int, options: argparse.Namespace
) -> dict[str, Path]:
    """Train the embedded default on each fold; return fold → predictions."""
    overrides, name = tuple(f"--{setting}" for setting in options.set), f"{EMBEDDED} on {trained_on}"
    runs = [
        FoldRun(EMBEDDED, name, path, together.cache, folder, fold, seed, overrides) for fold, path in folds.items()
    ]
    run_folds(runs, f"{name}, seed {seed}", options.processes)
    return {run.fold: run.predictions for run in runs}


def _fitted(together: Together, trained_on: str, folds: dict[str, Path], folder: Path) -> dict[str, Path]:
    """Fit the SVM on each fold; return fold → predictions."""
    features, tables = together.functionals(), {fold: folder / f"{fold}.parquet" for fold in folds}
    with tracked(f"{STANDARD} on {trained_on}", len(folds), "folds") as progress:
        for fold, manifest in folds.items():
            predict_fold(manifest, features, tables[fold], f"{STANDARD} on {trained_on}")
            progress.advance()
    return tables


def _score(
    together: Together,
    system: str,
    trained_on: str,
    tables: dict[str, Path],
    folder: Path,
    found: dict[str, dict[str, list[float]]],
) -> None:
    """Add the UAR of every corpus and row of the table that this training answers."""
    for name, (source, is_elsewhere) in ROWS.items():
        for corpus in SOURCES:
            is_there = any((fold == ELSEWHERE) == is_elsewhere for fold in tables)
            if source(corpus) == trained_on and is_there:
                table = answers_of(tables, corpus, is_elsewhere, folder / f"on-{corpus}.parquet")
                value = score(table, together.manifest).scores["uar"].value
                found.setdefault(f"{system}, {name}", {}).setdefault(corpus, []).append(value)


if __name__ == "__main__":
    main()
