"""Peak memory of the commands that data pass through, at 1, 10 and 100 times as many recordings.

    python scripts/bench_memory.py --audio ../shared/data/emodb/wav --clips 20 200 2000

Recordings are mixtures of two real ones, of five emotions and a speaker for every four; their labels mean nothing, and
nothing is scored. `prepare`, `extract` (the embedded default's encoders), `fit` (an epoch of the embedded default),
`predict` and `recognize` run one after the other, each a process of its own on one thread. What counts is the most that
a process of the command has held at a time.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from vibespeaker.audio.files import read_audio, write_audio

EMOTIONS = ("anger", "sadness", "happiness", "fear", "neutral")
_SPEAKER_CLIPS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", type=Path, required=True, help="folder of real recordings")
    parser.add_argument("--clips", type=int, nargs="+", default=[20, 200, 2000])
    options = parser.parse_args()
    real = [read_audio(path) for path in sorted(options.audio.iterdir())[:100]]
    found: dict[str, list[str]] = {}
    for clips in options.clips:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_corpus(folder / "corpus", clips, real)
            for command, words in commands(folder).items():
                peak, seconds = measured(words, folder)
                found.setdefault(command, []).append(f"{peak:,.0f} ({seconds:,.0f} s)")
    table = Table("peak memory, MB (processor time)", *(f"{clips:,} clips" for clips in options.clips))
    for command, cells in found.items():
        table.add_row(command, *cells)
    Console().print(table)


def write_corpus(folder: Path, clips: int, real: list[np.ndarray]) -> None:
    """Write `clips` different recordings in a folder for each emotion, with folders for speakers in it."""
    draw = np.random.default_rng(clips)
    for number in range(clips):
        first, second = (real[at] for at in draw.choice(len(real), 2, replace=False))
        share = draw.uniform(0.3, 0.7)
        mixed = share * first + (1 - share) * np.resize(np.roll(second, draw.integers(len(second))), len(first))
        speaker = folder / EMOTIONS[number % len(EMOTIONS)] / f"speaker{number // _SPEAKER_CLIPS:04}"
        speaker.mkdir(parents=True, exist_ok=True)
        write_audio(speaker / f"{number:05}.wav", mixed.astype(np.float32))


def commands(folder: Path, epochs: int = 1) -> dict[str, list[str]]:
    """Return name → words of each command on the corpus in `folder`, in order."""
    manifest, cache = str(folder / "manifest.parquet"), str(folder / "cache")
    data = ["--data.init_args.manifest", manifest, "--data.init_args.cache", cache]
    run = ["--config", "experiment/embedded", "--name", "one", *data, "--trainer.accelerator", "cpu"]
    return {
        "prepare": ["prepare", "folder", str(folder / "corpus"), "--split", "speakers", "--out", manifest],
        "extract": ["extract", manifest, "--encoders", "encoders/embedded", "--out", cache],
        "fit": ["fit", *run, "--trainer.max_epochs", str(epochs)],
        "predict": ["predict", *run],
        "recognize": ["recognize", str(folder / "corpus"), "--csv", "--out", str(folder / "answers.csv")],
    }


def measured(words: list[str], folder: Path) -> tuple[float, float]:
    """Run a command in `folder`; return its peak of memory in MB, and its processor time in seconds.

    Raises:
        SystemExit: it failed.
    """
    output = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    actions = [(os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    here = os.getcwd()
    os.chdir(folder)
    try:
        command = [sys.executable, "-m", "vibespeaker", *words]
        process = os.posix_spawn(sys.executable, command, environment, file_actions=actions)
    finally:
        os.chdir(here)
        os.close(output)
    _, status, usage = os.wait4(process, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(words)}:\n" + (folder / "output.txt").read_text(encoding="utf-8")[-2000:])
    return usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
