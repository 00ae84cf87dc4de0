"""Train, measure and write the model that comes with VibeSpeaker: the embedded default, learned from EmoDB alone.

    python scripts/train_shipped.py --data ../shared/data --out runs/shipped --package

EmoDB is in the public domain (CC0 1.0), so weights that learned from it may be shipped. Each speaker is left out in
turn, which gives the scores of unseen speakers and the calibration; what is shipped is then trained on all ten, with
the same settings. RAVDESS, whose licence does not allow shipping weights that learned from it, is only recognised, for
the card. It can be stopped at any time and goes on where it stopped. A seed takes some fifteen minutes on one core.
"""

import argparse
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import torch
from real_speech.corpora import Corpus
from shipped.card import card, facts
from shipped.measuring import calibrated, left_out_scores, scores_elsewhere
from shipped.training import leave_one_speaker_out, train_on_all

from vibespeaker.audio.augmentation.recipe import read_recipe
from vibespeaker.config_files import find_config
from vibespeaker.files import write_text
from vibespeaker.manifest import Manifest
from vibespeaker.systems import TrainedModel
from vibespeaker.systems.folder import write_model_folder
from vibespeaker.systems.sharing.heard import ranges
from vibespeaker.systems.shipped import DEFAULT, models_folder

#: The clips are heard as they are and as in other places: EmoDB alone has neither echo nor noise. Chosen on training
#: speakers of EmoDB, on clips that were made quieter, noisy and reverberant (`bench_robustness.py`).
VIEWS, PLACES = 3, "augmentation/anywhere"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the corpora")
    parser.add_argument("--out", type=Path, default=Path("runs/shipped"))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], help="the first one is shipped, all are scored")
    parser.add_argument(
        "--folds",
        nargs="+",
        help="speakers to leave out, all by default; with fewer, scores and calibration are of these speakers alone",
    )
    parser.add_argument("--augmentation", default=PLACES, help="recipe of the views that it hears")
    parser.add_argument("--views", type=int, default=VIEWS, help="how many of them beside each clip")
    parser.add_argument("--processes", type=int, default=1, help="speakers left out at the same time, a core each")
    parser.add_argument("--package", action="store_true", help="put the model in its place in the package")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    torch.set_num_threads(1)
    corpus = _corpus("emodb", options)
    corpus.make()
    system = TrainedModel.from_checkpoint(train_on_all(corpus, options.seeds[0]))
    tables = [leave_one_speaker_out(corpus, seed, options.folds, options.processes) for seed in options.seeds]
    scores = left_out_scores(tables, corpus.manifest)
    calibration, measures = calibrated(tables[0], corpus.manifest)
    model = options.out / "model"
    heard = ranges(Manifest.read(corpus.manifest))
    quietest, loudest = heard["level_db"]
    gain = read_recipe(find_config(options.augmentation, "augmentation")).gain
    heard["level_db"] = (quietest + (gain.min_db if gain.probability else 0.0), loudest)
    # the model is there before it hears another corpus, and is written again with what came out
    write_model_folder(model, system, "", calibration, facts(scores, {}, heard))
    other = _corpus("ravdess", options)
    other.prepare()
    elsewhere, clips, shared = scores_elsewhere(model, other.manifest)
    said = facts(scores, elsewhere, heard)
    text = card(scores, options.seeds, measures, elsewhere, clips, shared, said, calibration, options.folds)
    write_model_folder(model, system, text, calibration, said)
    numbers = {"left out": scores, "calibration": measures, "RAVDESS": elsewhere, "heard": heard}
    write_text(options.out / "results.json", json.dumps(numbers, indent=1, sort_keys=True) + "\n")
    print("\n".join(f"{name}: {np.mean(values):.3f}" for name, values in scores.items()))
    print(f"RAVDESS, {clips} clips of {', '.join(shared)}: {elsewhere}")
    if options.package:
        shutil.copytree(model, models_folder() / DEFAULT, dirs_exist_ok=True)


def _corpus(name: str, options: argparse.Namespace) -> Corpus:
    extraction = {"views": options.views, "augmentation": find_config(options.augmentation, "augmentation")}
    corpus = Corpus(name, options.data / name, options.out / name, extraction)
    corpus.folder.mkdir(parents=True, exist_ok=True)
    return corpus


if __name__ == "__main__":
    main()
