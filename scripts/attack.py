"""What strangers' files and wrong paths can do to a checkout: attacks by kind, with a table of how many ended well.

    python scripts/attack.py CHECKOUT [--families configs outputs …] [--only WORDS] [--json FILE]

Everything hostile is made here. A checkout runs in one process of its own, with all attacks inside, so that it can be
any version: `python scripts/attack.py /path/to/older` shows what it lets pass. An attack ended well when the command
refused it with one sentence (status 2), ran nothing, and left every file that it did not have to write as it was.
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="folder that holds the package vibespeaker")
    parser.add_argument("--families", nargs="+", default=[], help="all by default")
    parser.add_argument("--only", default="", help="attacks whose name holds these words")
    parser.add_argument("--json", type=Path, help="file for all results")
    options = parser.parse_args()
    begun = time.monotonic()
    results = attack(options.checkout.resolve(), options.families, options.only)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    sys.stdout.write(table(results))
    sys.stdout.write(f"{options.checkout}: {len(results)} attacks in {time.monotonic() - begun:.0f} s\n")


def attack(checkout: Path, families: list[str], only: str) -> list[dict[str, str]]:
    """Run the families against a checkout and return a mapping with family, kind, name and fault for each attack."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory(prefix="attack-") as folder:
        report = Path(folder) / "results.jsonl"
        command = [sys.executable, str(HERE / "attack" / "inside.py"), folder, str(report), only, *families]
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
        lines = report.read_text().splitlines() if report.is_file() else []
        if done.returncode or not lines:
            sys.stderr.write(done.stderr[-3000:])
            sys.exit(f"the attacks on {checkout} did not come to their end ({done.returncode})")
        return [json.loads(line) for line in lines]


def table(results: list[dict[str, str]]) -> str:
    """Return kind, tried and good as a Markdown table, and below it every attack that did not end well."""
    tried = Counter((one["family"], one["kind"]) for one in results)
    good = Counter((one["family"], one["kind"]) for one in results if not one["fault"])
    rows = [f"| {family} | {kind} | {tried[family, kind]} | {good[family, kind]} |" for family, kind in tried]
    total = f"| all | | {len(results)} | {sum(good.values())} |"
    faults = [
        f"- {one['family']}, {one['kind']}, {one['name']}: {one['fault'][:160]}" for one in results if one["fault"]
    ]
    return "\n".join(["| family | kind | tried | good |", "|---|---|---:|---:|", *rows, total, "", *faults]) + "\n"


if __name__ == "__main__":
    main()
