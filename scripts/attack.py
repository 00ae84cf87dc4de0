"""What strangers' files and wrong paths can do to a checkout: attacks by kind, with a table of how many ended well.

    python scripts/attack.py CHECKOUT … [--families configs outputs …] [--only WORDS] [--json FILE] [--minutes N]

Everything hostile is made here. A checkout runs in one process of its own, with all attacks inside, so that it can be
any version: `python scripts/attack.py . /path/to/older` shows what the older one lets pass. An attack ended well when
the command refused it with one sentence (status 2), ran nothing, and left every file that it did not have to write as
it was. Each checkout has so many `--minutes`, ten by default, and 4 GiB.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
Result = dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", type=Path, nargs="+", help="folders that hold the package vibespeaker")
    parser.add_argument("--families", nargs="+", default=[], help="all by default")
    parser.add_argument("--only", default="", help="attacks whose name holds these words")
    parser.add_argument("--json", type=Path, help="file for all results")
    parser.add_argument("--minutes", type=float, default=10.0, help="what all attacks on one checkout may take")
    options = parser.parse_args()
    results: dict[str, list[Result]] = {}
    for checkout in options.checkouts:
        begun = time.monotonic()
        results[str(checkout)] = attack(checkout.resolve(), options.families, options.only, options.minutes)
        seconds = time.monotonic() - begun
        sys.stderr.write(f"{checkout}: {len(results[str(checkout)])} attacks in {seconds:.0f} s\n")
        if options.json:
            options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    sys.stdout.write(table(results))


def attack(checkout: Path, families: list[str], only: str, minutes: float) -> list[Result]:
    """Run the families against a checkout and return a mapping with family, kind, name and fault for each attack."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory(prefix="attack-") as folder:
        report = Path(folder) / "results.jsonl"
        command = [sys.executable, str(HERE / "attack" / "inside.py"), folder, str(report), only, *families]
        problem, said = "", ""
        try:
            done = subprocess.run(
                command, env=environment, cwd=folder, capture_output=True, text=True, timeout=60 * minutes
            )
            problem, said = str(done.returncode or ""), done.stderr
        except subprocess.TimeoutExpired:
            problem = f"{minutes:g} minutes are over"
        lines = report.read_text().splitlines() if report.is_file() else []
        if problem:
            sys.stderr.write(f"{said[-3000:]}\nthe attacks on {checkout} did not come to their end: {problem}\n")
        return [json.loads(line) for line in lines]


def table(results: dict[str, list[Result]]) -> str:
    """Return kind, tried and good for each checkout as a Markdown table, and below it all that did not end well."""
    tried = {name: Counter(map(_kind, found)) for name, found in results.items()}
    good = {name: Counter(_kind(one) for one in found if not one["fault"]) for name, found in results.items()}
    kinds = list(dict.fromkeys(_kind(one) for found in results.values() for one in found))
    header = ["family", "kind", *(f"{name}: {what}" for name in results for what in ("tried", "good"))]
    lines = ["| " + " | ".join(header) + " |", "|---|---|" + "---:|" * (2 * len(results))]
    for kind in kinds:
        counts = [str(counted[kind]) for name in results for counted in (tried[name], good[name])]
        lines.append("| " + " | ".join([*kind, *counts]) + " |")
    totals = [str(counted.total()) for name in results for counted in (tried[name], good[name])]
    lines += ["| " + " | ".join(["all", "", *totals]) + " |", ""]
    for name, found in results.items():
        lines += [
            f"- {name}: {one['family']}, {one['kind']}, {one['name']}: {one['fault'][:160]}"
            for one in found
            if one["fault"]
        ]
    return "\n".join(lines) + "\n"


def _kind(one: Result) -> tuple[str, str]:
    return one["family"], one["kind"]


if __name__ == "__main__":
    main()
