"""Measure how long commands take to start: processor time, beside imports of libraries in the same run.

    python scripts/bench_startup.py
    python scripts/bench_startup.py --manifest runs/quickstart/manifest.parquet

Every command answers `--help`, beside `import torch`; `--imports` lists its ten slowest imports, by the time that a
module takes for itself (of `fit`, `validate`, `test`, `predict`, whose help is a page that is ready, those behind
`--print_config`). With a manifest, `stats`, `check` and `split` do their work on it, beside `import pandas` and
`import pyarrow`. Each is a fresh interpreter with warm files; the least of a few runs counts, since everything else on
the machine can only add to it.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vibespeaker.cli.table import COMMANDS, TRAINER_COMMANDS

#: What a command on tables may take beyond the libraries that tables need, seconds.
ALLOWED = 0.3
_SLOWEST = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--commands", nargs="*", default=[*COMMANDS, *TRAINER_COMMANDS])
    parser.add_argument("--imports", action="store_true", help="list the slowest imports of each command")
    parser.add_argument("--manifest", type=Path, help="run the commands on tables, too")
    arguments = parser.parse_args()
    console = Console()
    if arguments.manifest is not None:
        console.print(_on_tables(arguments.manifest, arguments.repeats))
    torch = seconds_of(["-c", "import torch"], arguments.repeats)
    table = Table("command", "seconds", "of import torch", title=f"import torch: {torch:.2f} s")
    for words in (["--help"], *([command, "--help"] for command in arguments.commands)):
        took = seconds_of(["-m", "vibespeaker", *words], arguments.repeats)
        table.add_row(" ".join(["vibespeaker", *words]), f"{took:.2f}", f"{took / torch:.2f}")
    console.print(table)
    if arguments.imports:
        for command in arguments.commands:
            found = ", ".join(f"{name} {1000 * took:.0f}" for name, took in slowest_imports(command))
            console.print(f"{command}, ms: {found}")


def seconds_of(words: list[str], repeats: int) -> float:
    """Return the least processor time of `repeats` runs of this interpreter with `words`, once files are warm."""
    taken = []
    for _ in range(repeats + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], check=True, capture_output=True, env=_one_thread())
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken[1:])


def slowest_imports(command: str) -> list[tuple[str, float]]:
    """Return the modules that take longest to import in a command, themselves alone, and their seconds."""
    is_trainer = command in TRAINER_COMMANDS
    words = [command, *(["--config", "experiment/embedded", "--print_config"] if is_trainer else ["--help"])]
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "vibespeaker", *words],
        check=True,
        capture_output=True,
        text=True,
        env=_one_thread(),
    )
    taken = []
    for line in run.stderr.splitlines():
        own, _, name = _cells(line)
        if own.isdecimal():
            taken.append((name, int(own) / 1e6))
    return sorted(taken, key=lambda one: -one[1])[:_SLOWEST]


def _cells(line: str) -> tuple[str, str, str]:
    """Return own time, time with what it imports, and name of a line of `-X importtime`; empty ones of other lines."""
    cells = [cell.strip() for cell in line.removeprefix("import time:").split("|")]
    return (cells[0], cells[1], cells[2]) if line.startswith("import time:") and len(cells) == 3 else ("", "", "")


def _on_tables(manifest: Path, repeats: int) -> Table:
    pandas, pyarrow = (seconds_of(["-c", f"import {name}"], repeats) for name in ("pandas", "pyarrow"))
    allowed = pandas + pyarrow + ALLOWED
    table = Table("command", "seconds", "of what is allowed", title=f"import pandas, import pyarrow, {ALLOWED} s")
    with tempfile.TemporaryDirectory() as folder:
        split = str(Path(folder) / "split.parquet")
        for words in (["split", str(manifest), "--out", split], ["stats", split], ["check", split]):
            took = seconds_of(["-m", "vibespeaker", *words], repeats)
            table.add_row(words[0], f"{took:.2f}", f"{took / allowed:.2f}")
    table.caption = f"{pandas:.2f} + {pyarrow:.2f} + {ALLOWED} = {allowed:.2f} s"
    return table


def _one_thread() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


if __name__ == "__main__":
    main()
