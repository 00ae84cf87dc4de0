"""How well the embedded default recognises unseen speakers, compared with the field's standard features.

python scripts/bench_real_speech.py --data ../shared/data --out runs/real-speech --seeds 1 2 3 --processes 2

RAVDESS in four folds of four actors, EmoDB with each speaker left out once. Every fold is prepared, extracted, fitted,
predicted and evaluated by the code of those commands, with the shipped settings, on all training speakers: nothing is
chosen by the left-out fold, neither a checkpoint nor a setting nor a seed. Systems:

  embedded      experiment/embedded, audio only
  compare-svm   openSMILE ComParE 2016 functionals, balanced linear SVM, C chosen among the training speakers
  text-only     canary: text only; every sentence is spoken in every emotion, so it must stay at chance
  shuffled      canary: embedded, trained on shuffled labels; must stay at chance
  random-split  embedded on utterances split at random: how optimistic scores get when test speakers are known
  inner         for choosing settings, not in the default list: the left-out fold stays out, and others of the training
                speakers are scored

It can be stopped at any time and goes on where it stopped; a changed config or seed is trained anew. With several seeds
the mean of their predictions is scored, too. Numbers go to OUT/results.json, confusion matrices to OUT/pictures.

`--against EARLIER` tests whether each table differs from that of an earlier run, say with today's default: the
difference of UAR with its interval from drawing speakers, and how often swapping both runs' answers, speaker by
speaker, differs as much. Speakers are few, so that small differences cannot be told from chance.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

from real_speech.corpora import Corpus, chosen_folds
from real_speech.functionals import functionals, predict_fold
from real_speech.options import SOURCES, parser_for
from real_speech.scores import Outcome, cost_of, pool, show, show_against
from real_speech.training import fold_runs, run_folds

from vibespeaker.ensemble import ensemble
from vibespeaker.files import write_text
from vibespeaker.progress import tracked

#: System → experiment and the kind of folds it is trained on.
TRAINED = {
    "embedded": ("embedded", "speakers"),
    "text-only": ("embedded-text", "speakers"),
    "shuffled": ("embedded", "shuffled"),
    "random-split": ("embedded", "random"),
    "inner": ("embedded", "inner"),
}
#: What a random split lets through, and a fit otherwise refuses.
LEAKS = ("--data.init_args.allow_leaks=[speaker,audio,near-audio,take]",)
STANDARD = "compare-svm"
DEFAULT = ["embedded", STANDARD, "text-only", "shuffled", "random-split"]


def main() -> None:
    parser = parser_for(__doc__)
    parser.add_argument("--corpora", nargs="+", choices=SOURCES, default=list(SOURCES))
    parser.add_argument("--systems", nargs="+", choices=[*TRAINED, STANDARD], default=DEFAULT)
    parser.add_argument(
        "--canary-seeds", type=int, default=1, help="how many of the seeds the canaries are trained with"
    )
    parser.add_argument("--against", type=Path, help="OUT of an earlier run, to compare with, paired by speaker")
    options = parser.parse_args()
    start = time.perf_counter()
    results = {}
    for name in options.corpora:
        corpus = Corpus(name, options.data / SOURCES[name], options.out / name)
        corpus.folder.mkdir(parents=True, exist_ok=True)
        corpus.make()
        outcomes = []
        for system in options.systems:
            seeds = options.seeds if system == "embedded" else options.seeds[: options.canary_seeds]
            if system == STANDARD:
                outcomes.append(_standard(corpus, options.folds))
            else:
                outcomes += _trained(corpus, system, seeds, options)
        results[name] = show(name, outcomes, corpus.manifest, options.out / "pictures")
        if options.against is not None:
            differences = show_against(name, outcomes, corpus.manifest, options.out, options.against)
            results[name]["against"] = {"folder": str(options.against), "differences": differences}
    results["seconds"] = time.perf_counter() - start
    write_text(options.out / "results.json", json.dumps(results, indent=1, sort_keys=True) + "\n")
    print(f"{results['seconds'] / 60:.1f} min in this run; numbers and pictures in {options.out}")


def _trained(corpus: Corpus, system: str, seeds: Sequence[int], options: argparse.Namespace) -> list[Outcome]:
    config, kind = TRAINED[system]
    tables, runs = [], []
    overrides = (*(f"--{setting}" for setting in options.set), *(LEAKS if kind == "random" else ()))
    for seed in seeds:
        folder = corpus.folder / system / f"seed{seed}"
        folds = _folds(corpus, kind, seed, options.folds)
        of_seed = fold_runs(config, system, corpus, folds, seed, overrides)
        run_folds(of_seed, f"{corpus.name}, {system}, seed {seed}", options.processes)
        tables.append(pool([run.predictions for run in of_seed], corpus.manifest, folder / "predictions.parquet"))
        runs += of_seed
    wall, epoch = cost_of([run.runs / run.fold for run in runs], runs[0].epochs())
    by_fold = {run.fold: [other.predictions for other in runs if other.fold == run.fold] for run in runs}
    outcomes = [Outcome(system, tuple(tables), wall, epoch, by_fold)]
    if len(tables) > 1:
        joined = corpus.folder / system / "mean.parquet"
        ensemble(tables, joined, system=f"{system} mean of seeds")
        outcomes.append(Outcome(f"{system} mean of seeds", (joined,)))
    return outcomes


def _standard(corpus: Corpus, wanted: Sequence[str] | None) -> Outcome:
    features = functionals(corpus.manifest, corpus.folder / "compare2016.npy")
    folder = corpus.folder / STANDARD
    folds = _folds(corpus, "speakers", 0, wanted)
    with tracked(f"{corpus.name}, {STANDARD}", len(folds), "folds") as progress:
        for fold, manifest in folds.items():
            predict_fold(manifest, features, folder / f"{fold}.parquet", STANDARD)
            progress.advance()
    tables = [folder / f"{fold}.parquet" for fold in folds]
    by_fold = {fold: [table] for fold, table in zip(folds, tables, strict=True)}
    return Outcome(STANDARD, (pool(tables, corpus.manifest, folder / "predictions.parquet"),), folds=by_fold)


def _folds(corpus: Corpus, kind: str, seed: int, wanted: Sequence[str] | None) -> dict[str, Path]:
    seeded = {"shuffled": corpus.shuffled_folds, "random": corpus.random_folds}
    plain = {"speakers": corpus.folds, "inner": corpus.inner_folds}
    folds = plain[kind]() if kind in plain else seeded[kind](seed)
    return chosen_folds(corpus.name, folds, wanted)


if __name__ == "__main__":
    main()
