"""Choose how the embedded default's linear members are found in closed form, on training speakers alone.

    python scripts/choose_ridge.py --data ../shared/data --out runs/real-speech

Each setting is tried in the inner folds of bench_real_speech.py: the left-out speakers stay out, others of the training
speakers are scored, pooled over the folds. UAR of each member and of their weighted mean; the log loss is the mean's.
Each setting differs in one thing from the first, which is the shipped one unless `--spread` and `--voices` say
otherwise. It takes some minutes on one core once bench_real_speech.py has extracted the corpora into the same folder.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from real_speech.corpora import Corpus
from real_speech.members import DEFAULT, Combination, solve
from real_speech.options import SOURCES
from real_speech.vectors import SOLVED, Vectors
from rich.console import Console
from rich.table import Table

from vibespeaker.manifest import Manifest
from vibespeaker.metrics import confusion_matrix, uar
from vibespeaker.models import Ridge
from vibespeaker.progress import tracked
from vibespeaker.workflows.quickstart.data import VIEWS


@dataclass(frozen=True)
class Setting:
    """What is tried.

    Args:
        ridge: how the members are found.
        voices: how many other voices of a clip they are found from, beside the clip itself.
    """

    ridge: Ridge
    voices: int


def settings(spread: float, voices: int) -> dict[str, Setting]:
    """Return title → setting; each but the first differs from it in one thing.

    Args:
        spread: of the first, see `Ridge`.
        voices: of the first.
    """
    first = Setting(replace(DEFAULT, spread=spread), voices)
    tried = {
        "penalty": (0.03, 0.1, 0.3, 3.0, 10.0, 100.0),
        "balance": (0.0, 0.5),
        "limit": (2.0, 3.0),
        "spread": (1.0, 1.7, 2.5, 3.5, 5.0),
        "sharpness": (5.0, 7.0, 15.0),
    }
    return {
        f"spread {spread:g}, voices {voices}": first,
        **{
            f"{name} {value:g}": replace(first, ridge=replace(first.ridge, **{name: value}))
            for name, values in tried.items()
            for value in values
        },
        **{f"voices {count}": replace(first, voices=count) for count in range(VIEWS + 1)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the corpora")
    parser.add_argument("--out", type=Path, default=Path("runs/real-speech"))
    parser.add_argument("--spread", type=float, default=DEFAULT.spread, help="of the first setting")
    parser.add_argument(
        "--voices",
        type=int,
        choices=range(VIEWS + 1),
        default=VIEWS,
        help="other voices of a clip in the first setting",
    )
    options = parser.parse_args()
    tried = settings(options.spread, options.voices)
    torch.set_num_threads(1)
    for name in SOURCES:
        corpus = Corpus(name, options.data / SOURCES[name], options.out / name)
        corpus.folder.mkdir(parents=True, exist_ok=True)
        corpus.make()
        show(corpus, tried)


def show(corpus: Corpus, tried: Mapping[str, Setting]) -> None:
    """Print a corpus's table of settings, title → setting."""
    manifest = Manifest.read(corpus.manifest)
    names = sorted(set(manifest.column("category")))
    category = torch.tensor([names.index(one) for one in manifest.column("category")])
    splits = [np.array(Manifest.read(path).column("split")) for path in corpus.inner_folds().values()]
    read = Vectors(corpus, manifest)
    vectors = [read.of(split) for split in splits]
    table = Table("setting", *(f"{member} UAR" for member in SOLVED), "together", "log loss", title=corpus.name)
    with tracked(corpus.name, len(tried), "settings") as progress:
        for name, setting in tried.items():
            told = [
                solve(of, category, split, len(names), setting.ridge, setting.voices + 1)
                for of, split in zip(vectors, splits, strict=True)
            ]
            truth = torch.cat([category[torch.from_numpy(split == "test")] for split in splits])
            members = {member: torch.cat([fold[member][:, 0] for fold in told]) for member in SOLVED}
            mean = Combination().joined(members)
            said = [logits.argmax(1).tolist() for logits in (*members.values(), mean)]
            scores = [float(uar(confusion_matrix(truth.tolist(), one, len(names)))) for one in said]
            loss = torch.nn.functional.cross_entropy(mean, truth)
            table.add_row(name, *(f"{score:.3f}" for score in scores), f"{loss:.3f}")
            progress.advance()
    Console().print(table)


if __name__ == "__main__":
    main()
