"""Options that the benchmarks on real speech share."""

import argparse
from pathlib import Path

#: Corpus → its folder in the data.
SOURCES = {"ravdess": "ravdess", "emodb": "emodb"}


def parser_for(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of all benchmarks on real speech."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the corpora")
    parser.add_argument("--out", type=Path, default=Path("runs/real-speech"))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--folds", nargs="+", help="names of folds; all by default. Scores are then of these alone")
    parser.add_argument("--processes", type=int, default=1, help="folds trained at the same time, a core each")
    parser.add_argument(
        "--set", nargs="+", default=[], help="options of fit, to try settings, e.g. trainer.max_epochs=2"
    )
    return parser
