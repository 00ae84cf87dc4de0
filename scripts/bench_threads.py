"""Commands as they choose their threads, beside one thread in all: by the clock, idle and beside busy processes.

    python scripts/bench_threads.py --audio ../shared/data/emodb/wav --clips 60

`extract` (the embedded default's encoders), `fit` (three epochs of the embedded default), `predict` and `recognize` run
with the threads that they choose, then with `OMP_NUM_THREADS=1`, in turn; the least of some repeats counts. Then the
same beside two processes that do nothing but compute. `--commands quickstart` measures that instead, some minutes each.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench_memory import commands, write_corpus
from rich.console import Console
from rich.table import Table

from vibespeaker.audio.files import read_audio

_BUSY = 2
#: Command → what it makes, and would find done.
_MADE = {"extract": "cache", "fit": "runs", "quickstart": "quickstart"}
#: What they make is read by those that follow.
_READ = ("extract", "fit")
_ALL = ["extract", "fit", "predict", "recognize", "quickstart"]
_SPIN = "while True: pass"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", type=Path, required=True, help="folder of real recordings")
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--commands", nargs="+", choices=_ALL, default=_ALL[:-1])
    options = parser.parse_args()
    real = [read_audio(path) for path in sorted(options.audio.iterdir())[:100]]
    table = Table("command", "idle, s", "one thread", "ratio", f"beside {_BUSY} busy, s", "one thread", "ratio")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_corpus(folder / "corpus", options.clips, real)
        words = commands(folder, epochs=3)
        seconds_of(words.pop("prepare"), folder, {})
        words["quickstart"] = ["quickstart", "--out", str(folder / "quickstart")]
        for command, given in words.items():
            if command not in options.commands:
                if command in _READ and options.commands != ["quickstart"]:
                    seconds_of(given, folder, {})
                continue
            cells = []
            for busy in (0, _BUSY):
                with beside(busy):
                    cells += _compared(command, given, folder, options.repeats)
            table.add_row(command, *cells)
    Console().print(table)


def _compared(command: str, words: list[str], folder: Path, repeats: int) -> list[str]:
    ways: dict[str, list[float]] = {"": [], "1": []}
    for _ in range(repeats):
        for threads, taken in ways.items():
            if command in _MADE:
                shutil.rmtree(folder / _MADE[command], ignore_errors=True)
            taken.append(seconds_of(words, folder, {"OMP_NUM_THREADS": threads} if threads else {}))
    chosen, one = (min(taken) for taken in ways.values())
    return [f"{chosen:.1f}", f"{one:.1f}", f"{chosen / one:.2f}"]


def seconds_of(words: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Return how long a command takes in `folder`, by the clock."""
    inherited = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    start = time.perf_counter()
    command = [sys.executable, "-m", "vibespeaker", *words]
    subprocess.run(command, check=True, capture_output=True, cwd=folder, env={**inherited, **environment})
    return time.perf_counter() - start


@contextmanager
def beside(count: int) -> Iterator[None]:
    """Have processes compute meanwhile."""
    busy = [subprocess.Popen([sys.executable, "-c", _SPIN]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
