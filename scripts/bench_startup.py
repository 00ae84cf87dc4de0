"""Measure how long commands take to answer `--help`, beside `import torch` in the same run.

    python scripts/bench_startup.py

Each is a fresh interpreter with warm files; the shortest of a few runs counts, since everything else on the machine can
only add to it.
"""

import argparse
import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

from vibespeaker.cli.table import COMMANDS, TRAINER_COMMANDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--commands", nargs="*", default=[*COMMANDS, *TRAINER_COMMANDS])
    arguments = parser.parse_args()
    torch = seconds_of(["-c", "import torch"], arguments.repeats)
    table = Table("command", "seconds", "of import torch", title=f"import torch: {torch:.2f} s")
    for words in (["--help"], *([command, "--help"] for command in arguments.commands)):
        took = seconds_of(["-m", "vibespeaker", *words], arguments.repeats)
        table.add_row(" ".join(["vibespeaker", *words]), f"{took:.2f}", f"{took / torch:.2f}")
    Console().print(table)


def seconds_of(words: list[str], repeats: int) -> float:
    """Return the shortest of `repeats` runs of this interpreter with `words`, after one that warms the files."""
    taken = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        taken.append(time.perf_counter() - start)
    return min(taken[1:])


if __name__ == "__main__":
    main()
