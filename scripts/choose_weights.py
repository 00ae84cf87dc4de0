"""Choose what the members of the embedded default weigh, on training speakers alone.

    python scripts/bench_real_speech.py --data ../shared/data --out runs/real-speech --systems inner --seeds 1
    python scripts/choose_weights.py --data ../shared/data --out runs/real-speech

The first command trains on the inner folds: the left-out speakers stay out, and others of the training speakers are
scored. Weights do not touch what a member learns, so that all of them are tried on the same networks, in a minute.
"""

import argparse
from itertools import product
from pathlib import Path

import torch
from real_speech.corpora import Corpus
from real_speech.members import LEARNED, Combination, tell
from real_speech.options import SOURCES
from rich.console import Console

COMBINATIONS = {
    f"contours {contours:g}, convolutions {convolutions:g}, network {network:g}": Combination(
        weights={"contours": contours, "convolutions": convolutions, LEARNED: network}
    )
    for contours, convolutions, network in product((0.0, 1.0, 2.0, 3.0), (0.0, 1.0), (0.0, 0.5, 1.0))
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the corpora")
    parser.add_argument("--out", type=Path, default=Path("runs/real-speech"))
    parser.add_argument("--corpora", nargs="+", choices=SOURCES, default=list(SOURCES))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.corpora:
        corpus = Corpus(name, options.data / SOURCES[name], options.out / name)
        Console().print(tell(corpus, corpus.folder / "inner" / f"seed{options.seed}", COMBINATIONS))


if __name__ == "__main__":
    main()
