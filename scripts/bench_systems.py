"""How well the published systems that need no checkpoint recognise unseen speakers, from random weights.

python scripts/bench_systems.py --data ../shared/data --out runs/systems --seeds 1 2 3

RAVDESS in four folds of four actors, EmoDB with each speaker left out once, as in bench_real_speech.py, whose rows of
the embedded default and of ComParE + SVM these stand beside; the last state of each run answers, nothing is chosen by
the left-out fold. Systems: cnn1d, features2376-narrow, mel-cnn (the picture branch of multimodal alone), each beside
itself on a random split (`--random`); and by name resnet18 and mobilenet-plain-plain, which want `--folds` and a seed.
Each trains in the number format that its config ships, pictures in bfloat16; `--set trainer.precision=…` changes it. It
can be stopped at any time and goes on where it stopped; two runs of different systems may share OUT. Numbers go to
OUT/systems.json.

Minutes a seed for RAVDESS and EmoDB on one core of an AMD EPYC with AVX-512 and bfloat16, beside another: cnn1d 5 and
9, features2376-narrow 4 and 7 with `--set trainer.precision=bf16-mixed`, mel-cnn 5 and 10; a fold of RAVDESS takes
resnet18 9 and mobilenet-plain-plain 35. A processor without instructions for bfloat16 is many times slower at it:
`--set trainer.precision=32-true`. In MobileNetV2 random weights stand for ImageNet's: its score says nothing about the
published system.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

from real_speech.corpora import Corpus
from real_speech.scores import Outcome, cost_of, pool, show
from real_speech.training import FoldRun, run_folds

from vibespeaker.config_files import find_config
from vibespeaker.extract import extract
from vibespeaker.files import write_text

_LIVE = ("--data.init_args.cache=null", "--data.init_args.encoders=null")
#: 128 pictures at a time are slower than four times 32: batch norm sees a quarter of the 32 clips of a step.
_QUARTERS = ("--data.init_args.batch_size=8", "--trainer.accumulate_grad_batches=4")
_ENCODER = "--model.init_args.encoders"
_SCRATCH = (
    f"{_ENCODER}.mobilenet={{class_path: vibespeaker.encoders.ImageEncoder, init_args: {{architecture: mobilenet_v2"
)
#: System → experiment and what is changed for one processor and random weights.
SYSTEMS = {
    "cnn1d": ("cnn1d", ()),
    "features2376-narrow": ("features2376-narrow", ()),
    "mel-cnn": ("multimodal", ("--data.init_args.encoders=[picture]",)),
    "resnet18": ("resnet18", _LIVE),
    "mobilenet-plain-plain": (
        "mobilenet-plain-plain",
        (*_LIVE, *_QUARTERS, f"{_SCRATCH}, picture: blocks, scale: half, short: pad}}, train: all}}"),
    ),
}
DEFAULT = ["cnn1d", "features2376-narrow", "mel-cnn"]
_CPU = ("--trainer.accelerator=cpu", "--trainer.devices=1")
_LEAKS = ("--data.init_args.allow_leaks=[speaker,audio,near-audio,take]",)
#: What is extracted once per corpus: hand-crafted features, with views of the training split, and mel pictures.
_ENCODERS = """\
means: {class_path: vibespeaker.encoders.HandcraftedMeans}
frames: {class_path: vibespeaker.encoders.HandcraftedFrames}
picture: {class_path: vibespeaker.encoders.MelPictures}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the corpora")
    parser.add_argument("--out", type=Path, default=Path("runs/systems"))
    parser.add_argument("--corpora", nargs="+", choices=["ravdess", "emodb"], default=["ravdess", "emodb"])
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=DEFAULT)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--folds", nargs="+", help="names of folds; all by default. Scores are then of these alone")
    parser.add_argument("--views", type=int, default=2, help="augmented views of each training clip")
    parser.add_argument("--random", action="store_true", help="also a split at random, with the first seed")
    parser.add_argument("--processes", type=int, default=1, help="folds trained at the same time, a core each")
    parser.add_argument("--set", nargs="+", default=[], help="options of fit, such as trainer.max_epochs=2")
    options = parser.parse_args()
    start = time.perf_counter()
    kept = options.out / "systems.json"
    for name in options.corpora:
        corpus = Corpus(name, options.data / name, options.out / name)
        corpus.folder.mkdir(parents=True, exist_ok=True)
        corpus.prepare()
        _extract(corpus, options.views)
        outcomes: list[Outcome] = []
        for system in options.systems:
            outcomes.append(_measured(corpus, system, "speakers", options.seeds, options))
            if options.random:
                outcomes.append(_measured(corpus, system, "random", options.seeds[:1], options))
        numbers = show(name, outcomes, corpus.manifest, options.out / "pictures")
        # read only now: a run of other systems may have ended meanwhile
        results = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
        results[name] = {**results.get(name, {}), **numbers}
        write_text(kept, json.dumps(results, indent=1, sort_keys=True) + "\n")
    print(f"{(time.perf_counter() - start) / 60:.1f} min in this run; numbers and pictures in {options.out}")


def _extract(corpus: Corpus, views: int) -> None:
    encoders = corpus.folder / "encoders.yaml"
    if not encoders.is_file():
        write_text(encoders, _ENCODERS)
    recipe = find_config("augmentation/noise-stretch-pitch")
    given = {"augmentation": recipe} if views else {}
    extract(corpus.manifest, encoders, corpus.cache, views=views, dtype="float32", device="cpu", **given)


def _measured(corpus: Corpus, system: str, kind: str, seeds: Sequence[int], options: argparse.Namespace) -> Outcome:
    """Train, predict and pool a system's folds for every seed, unless that is done."""
    config, changes = SYSTEMS[system]
    name = system if kind == "speakers" else f"{system} at random"
    tables, runs = [], []
    overrides = (*_CPU, *changes, *(_LEAKS if kind == "random" else ()), *(f"--{one}" for one in options.set))
    for seed in seeds:
        found = corpus.folds() if kind == "speakers" else corpus.random_folds(seed)
        folds = {fold: path for fold, path in found.items() if options.folds is None or fold in options.folds}
        if not folds:
            raise SystemExit(f"{corpus.name} has no such fold: {options.folds}; it has {', '.join(found)}")
        folder = corpus.folder / name.replace(" ", "-") / f"seed{seed}"
        of_seed = [
            FoldRun(f"experiment/{config}", name, path, corpus.cache, folder, fold, seed, overrides)
            for fold, path in folds.items()
        ]
        run_folds(of_seed, f"{corpus.name}, {name}, seed {seed}", options.processes)
        tables.append(pool([run.predictions for run in of_seed], corpus.manifest, folder / "predictions.parquet"))
        runs += of_seed
    wall, epoch = cost_of([run.runs / run.fold for run in runs], runs[0].epochs())
    by_fold = {run.fold: [other.predictions for other in runs if other.fold == run.fold] for run in runs}
    return Outcome(name, tuple(tables), wall, epoch, by_fold)


if __name__ == "__main__":
    main()
