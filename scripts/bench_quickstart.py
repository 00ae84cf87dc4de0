"""Measure what the quickstart costs, beside `import torch` in the same run: processor time and seconds by the clock.

    python scripts/bench_quickstart.py [--full] [--seeds 0 1 2] [--options --utterances 600 --epochs 12]

Processor time is that of all processes that the command starts. The quickstart's own table of scores is printed, so
that what was saved can be weighed against what it cost; the scores are of synthetic voices.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="go on to everything that --full trains")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="of the quickstart; comes last")
    arguments = parser.parse_args()
    imports = [run(["-c", "import torch"])[0] for _ in range(4)]
    torch = min(imports[1:])
    print(f"import torch: {torch:.2f} s of processor time")
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as folder:
            words = ["-m", "vibespeaker", "quickstart", "--out", folder, "--seed", str(seed), *arguments.options]
            processor, clock, printed = run([*words, *(["--full"] if arguments.full else [])])
        print(printed[printed.rfind("Scores on") :].rstrip())
        print(f"seed {seed}: {processor:.0f} s, {processor / torch:.0f} × import torch; {clock:.0f} s by the clock")


def run(words: list[str]) -> tuple[float, float, str]:
    """Run this interpreter with `words`; return the processor time of it and its processes, the clock's, the output."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, *words], check=True, stdout=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, time.perf_counter() - start, done.stdout


if __name__ == "__main__":
    main()
