"""Runs inside of the attacked checkout's process: makes what is attacked, then every family's attacks, one by one."""

import importlib
import json
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from attack.lab import Lab

#: Modules of this package with a function `attacks(lab)`; add one to add a family.
FAMILIES = ("configs", "checkpoints", "outputs", "paths", "reading", "texts", "leftovers", "mutated", "races")


#: What a checkout may take; without it an attack on memory would end whatever else runs on the machine.
_BYTES = 4 << 30


def main(folder: str, report: str, only: str, *families: str) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (_BYTES, _BYTES))
    lab = Lab(Path(folder) / "lab")
    with open(report, "w", encoding="utf-8") as lines:
        for family in families or FAMILIES:
            for attack in importlib.import_module(f"attack.{family}").attacks(lab):
                if only in attack.name:
                    entry = {"family": family, "kind": attack.kind, "name": attack.name, "fault": lab.judge(attack)}
                    lines.write(json.dumps(entry, ensure_ascii=False) + "\n")
                    lines.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
