"""How systems hold up where recordings are worse than those that they learned from.

    python scripts/bench_robustness.py --data ../shared/data --out runs/real-speech --seeds 1 2 3 --processes 2

The folds of `bench_real_speech.py`, RAVDESS by four actors and EmoDB by speakers, trained there or here (the same OUT,
seeds and settings are trained once), are tested on the clips as they were recorded and on worse copies of them: noise
at 20, 10 and 5 dB (`DATA/noise`: ESC-10, CC BY 3.0, K. J. Piczak), a room, a telephone's band, 6 dB quieter and louder,
MP3 at 32 kbit/s (ffmpeg), the first second alone, and the first second of speech. All learned from recordings as they
are. One table: UAR, its change, the share of answers that stayed, and whether both meet the marks, for which see
`real_speech/conditions.py`; a second one by gender, measured signal-to-noise ratio, level and duration.

Systems: `embedded`, `compare-svm` (openSMILE ComParE 2016 and a linear SVM), and any others with a run for each fold,
named by their folder: `--runs runs/shipped/emodb/loso/seed1`, of `train_shipped.py`.

Copies, what the encoders hear of them and ComParE's features are made once, below `--copies`, and serve every system:
of both corpora 9 minutes of one core, ComParE about 25 more, 2 GB; `--prepare` stops there. A seed of `embedded` then
costs an estimated 2 minutes of prediction besides its training, `compare-svm` an estimated 3. It can be stopped at any
time and goes on where it stopped. Numbers go to OUT/robustness.json and tables to OUT/robustness.md.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from real_speech.conditions import AS_RECORDED, USUAL, conditions
from real_speech.corpora import Corpus, chosen_folds
from real_speech.functionals import predict_fold
from real_speech.options import SOURCES, parser_for
from real_speech.robustness import ALL, Held, held, mean_of, mean_slices, sliced
from real_speech.scores import pool
from real_speech.tables import shown
from real_speech.training import FoldRun, fold_runs, predict_elsewhere, run_folds
from real_speech.worse import Copies

from vibespeaker.files import write_text
from vibespeaker.progress import tracked

EMBEDDED, STANDARD = "embedded", "compare-svm"
Rows = list[list[str]]


def main() -> None:
    parser = parser_for(__doc__)
    parser.add_argument("--corpora", nargs="+", choices=SOURCES, default=list(SOURCES))
    parser.add_argument("--systems", nargs="*", choices=[EMBEDDED, STANDARD], default=[EMBEDDED, STANDARD])
    parser.add_argument("--runs", nargs="+", type=Path, default=[], help="folders of other runs, one for each fold")
    parser.add_argument("--conditions", nargs="+", choices=list(conditions(Path())), default=list(USUAL))
    parser.add_argument("--copies", type=Path, help="where worse copies and their features are; OUT/copies by default")
    parser.add_argument("--prepare", action="store_true", help="make copies and features, and stop")
    options = parser.parse_args()
    known, numbers, text = conditions(options.data / "noise"), {}, []
    names = [AS_RECORDED, *(name for name in options.conditions if name != AS_RECORDED)]
    for name in options.corpora:
        corpus = Corpus(name, options.data / SOURCES[name], options.out / name)
        corpus.folder.mkdir(parents=True, exist_ok=True)
        corpus.prepare()
        folder = (options.copies or options.out / "copies") / name
        copies = Copies(corpus.manifest, folder, {one: known[one] for one in names})
        copies.make()
        if options.prepare:
            if STANDARD in options.systems:
                copies.functionals()
            continue
        tables = _tables(corpus, copies, options)
        found = {system: mean_of([held(table, copies) for table in seeds]) for system, seeds in tables.items()}
        groups = {system: mean_slices([sliced(table, copies) for table in seeds]) for system, seeds in tables.items()}
        numbers[name] = {
            "conditions": {system: {one: vars(held) for one, held in of.items()} for system, of in found.items()},
            "groups": {system: {": ".join(one): by for one, by in of.items()} for system, of in groups.items()},
            "seeds": {system: len(seeds) for system, seeds in tables.items()},
        }
        text += shown(f"{name}: UAR, change, answers that stayed", *_marks(found))
        text += shown(f"{name}: UAR by group", *_groups(groups))
    if not options.prepare:
        write_text(options.out / "robustness.json", json.dumps(numbers, indent=1, sort_keys=True) + "\n")
        write_text(options.out / "robustness.md", "\n".join(text) + "\n")


def _tables(corpus: Corpus, copies: Copies, options: argparse.Namespace) -> dict[str, list[Path]]:
    """Return system → its predictions of all copies, one table per seed."""
    plain_folds = chosen_folds(corpus.name, corpus.folds(), options.folds)
    folds, out = copies.folds(plain_folds), corpus.folder / "worse"
    tables: dict[str, list[Path]] = {}
    if EMBEDDED in options.systems:
        corpus.make()
        overrides = [f"--{setting}" for setting in options.set]
        for seed in options.seeds:
            runs = fold_runs(EMBEDDED, EMBEDDED, corpus, plain_folds, seed, overrides)
            run_folds(runs, f"{corpus.name}, {EMBEDDED}, seed {seed}", options.processes)
            table = _predicted(runs, folds, copies, out / EMBEDDED / f"seed{seed}", options.processes)
            tables.setdefault(EMBEDDED, []).append(table)
    for folder in options.runs:
        runs = [
            FoldRun(str(folder / fold / "config.yaml"), str(folder), path, copies.cache, folder, fold, 0)
            for fold, path in plain_folds.items()
        ]
        name = "-".join(part for part in folder.parts if part not in ("/", ".."))
        tables[str(folder)] = [_predicted(runs, folds, copies, out / name, options.processes)]
    if STANDARD in options.systems:
        tables[STANDARD] = [_standard(corpus, copies, folds, out / STANDARD)]
    return tables


def _predicted(runs: list[FoldRun], folds: Mapping[str, Path], copies: Copies, out: Path, processes: int) -> Path:
    work: Callable[[FoldRun], None] = partial(predict_elsewhere, manifests=folds, cache=copies.cache, out=out)
    run_folds(runs, f"{runs[0].system} on worse copies", processes, work)
    return pool([out / f"{run.fold}.parquet" for run in runs], copies.joined, out / "predictions.parquet")


def _standard(corpus: Corpus, copies: Copies, folds: Mapping[str, Path], out: Path) -> Path:
    features = copies.functionals()
    with tracked(f"{corpus.name}, {STANDARD} on worse copies", len(folds), "folds") as progress:
        for fold, manifest in folds.items():
            predict_fold(manifest, features, out / f"{fold}.parquet", STANDARD)
            progress.advance()
    return pool([out / f"{fold}.parquet" for fold in folds], copies.joined, out / "predictions.parquet")


def _marks(found: Mapping[str, Mapping[str, Held]]) -> tuple[list[str], Rows]:
    header = [
        "condition",
        *(f"{system}{what}" for system in found for what in ("", ": change", ": stayed", ": passes")),
    ]
    rows: Rows = []
    for name, mark in next(iter(found.values())).items():
        rows.append([name if name == AS_RECORDED else f"{name} (mark {mark.mark:g})"])
        for of in found.values():
            one = of[name]
            changed = [f"{-one.lost:+.3f}", f"{one.unchanged:.2f}", "yes" if one.passes else "no"]
            rows[-1] += [f"{one.uar:.3f}", *([""] * 3 if name == AS_RECORDED else changed)]
    return header, rows


def _groups(found: Mapping[str, Mapping[tuple[str, str], Mapping[str, tuple[float, int]]]]) -> tuple[list[str], Rows]:
    columns = (AS_RECORDED, ALL)
    header = ["group", *(f"clips {name}" for name in columns)]
    header += [f"{system} {name}" for system in found for name in columns]
    rows = []
    for by, group in dict.fromkeys(one for of in found.values() for one in of):
        of_systems = [of[by, group] for of in found.values()]
        counts = [str(of_systems[0][name][1]) if name in of_systems[0] else "" for name in columns]
        scores = [f"{of[name][0]:.3f}" if name in of else "" for of in of_systems for name in columns]
        rows.append([f"{by}: {group}", *counts, *scores])
    return header, rows


if __name__ == "__main__":
    main()
