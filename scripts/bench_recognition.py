"""Processor time of recognising with the shipped model, beside `import torch` in the same run.

    python scripts/bench_recognition.py --clip ../shared/data/emodb/wav/03a01Wa.wav

Fresh interpreters, warm files, one thread; the least of a few runs counts, since everything else on the machine can
only add to it. Then, in this process, a warm answer for a clip of 3 s, and with `--hour` an hour of speech, made of the
clip's folder, with its peak of memory beyond the imports.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

LINES = {
    "import torch": "import torch",
    "import vibespeaker": "import vibespeaker",
    "from vibespeaker import Recognizer": "from vibespeaker import Recognizer",
    "Recognizer()(clip)": "import sys; from vibespeaker import Recognizer; Recognizer()(sys.argv[1])",
    "vibespeaker recognize clip": "import sys; from vibespeaker.cli.main import main; main(['recognize', sys.argv[1]])",
}
WARM_SECONDS, HOUR = 3.0, 3600.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, default=Path("../shared/data/emodb/wav/03a01Wa.wav"))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--hour", action="store_true", help="measure an hour of speech, too")
    parser.add_argument("--one-hour", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one_hour is not None:
        _recognise(options.one_hour)
        return
    table = Table("what", "processor seconds", "of import torch")
    torch = 0.0
    for name, line in LINES.items():
        took = min(_seconds([sys.executable, "-c", line, str(options.clip)]) for _ in range(options.repeats + 1))
        torch = torch or took
        table.add_row(name, f"{took:.2f}", f"{took / torch:.2f}")
    console = Console()
    console.print(table)
    console.print(
        f"a warm answer for a clip of {WARM_SECONDS:g} s: {1000 * _warm(options.clip):.1f} ms of processor time"
    )
    if options.hour:
        _hour(options.clip, console)


def _seconds(words: list[str]) -> float:
    """Return the processor time of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _warm(clip: Path) -> float:
    import torch

    from vibespeaker import Recognizer
    from vibespeaker.audio.files import read_audio

    torch.set_num_threads(1)
    recognizer = Recognizer()
    samples = np.resize(read_audio(clip), round(WARM_SECONDS * 16_000))
    taken = []
    for _ in range(40):
        start = time.process_time()
        recognizer(samples, rate=16_000)
        taken.append(time.process_time() - start)
    return min(taken)


def _hour(clip: Path, console: Console) -> None:
    from vibespeaker.audio.files import read_audio, write_audio

    pause = np.zeros(8_000, np.float32)
    pieces = [part for path in sorted(clip.parent.glob("*.wav")) for part in (read_audio(path), pause)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hour.wav"
        write_audio(path, np.resize(np.concatenate(pieces), round(HOUR * 16_000)))
        words = [sys.executable, __file__, "--one-hour", str(path)]
        made = subprocess.run(
            words, check=True, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
    console.print(made.stdout.strip())


def _recognise(path: Path) -> None:
    """Recognise a long recording and print speed and memory; in a process of its own, whose peak is its own."""
    from vibespeaker import Recognizer

    recognizer = Recognizer()
    recognizer(np.random.default_rng(0).normal(scale=0.1, size=16_000), rate=16_000)
    imports = _peak()
    wall, start = time.perf_counter(), time.process_time()
    answer = recognizer(path)
    took, wall = time.process_time() - start, time.perf_counter() - wall
    peak = _peak()
    speeds = f"{answer.seconds / took:.0f} × real time by processor time, {answer.seconds / wall:.0f} × by the clock"
    memory = f"{(peak - imports) / 1024:.0f} MB beyond the imports"
    print(f"{answer.seconds:.0f} s, {len(answer.segments)} stretches: {speeds}; {memory}")


def _peak() -> int:
    """Return the most memory that this process has held, in KiB; what `getrusage` says begins with its parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


if __name__ == "__main__":
    main()
