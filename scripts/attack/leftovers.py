"""What killed commands leave: half-written files for the next start, and processes that go on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from attack.lab import Attack, Lab
from attack.material import manifest_of, training, write_tone
from attack.processes import outliving, started_by


def attacks(lab: Lab) -> Iterator[Attack]:
    """Yield the attacks."""
    for name in ("cache/cache.json", "cache/sound/encoder.json", "cache/sound/index.parquet"):
        yield Attack("half-written files", f"extract {name}", partial(_extract, lab, name))
    for name in ("o.parquet", "o.problems.csv"):
        yield Attack("half-written files", f"combine {name}", partial(_combine, lab, name))
    yield Attack("half-written files", "fit config.yaml", partial(_fit, lab))
    for workers in (2, 3):
        yield Attack("processes", f"clean {workers} workers", partial(_clean, lab, workers))


def _killed_writer(path: Path) -> None:
    """Write a file as the checkout does and be killed before its end."""
    from vibespeaker.files import atomic_path

    pid = os.fork()
    if not pid:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


def _left(folder: Path) -> str:
    found = [str(path.relative_to(folder)) for path in folder.rglob(".*.tmp")]
    return f"left {found[0]}" if found else ""


def _extract(lab: Lab, name: str) -> str:
    words = ["extract", lab.whole / "manifest.parquet", "--encoders", lab.whole / "encoders.yaml"]
    words += ["--out", lab.trying / "cache"]
    lab.call(*words)
    _killed_writer(lab.trying / name)
    outcome = lab.call(*words)
    return f"status {outcome.status}: {outcome.said[-200:]}" if outcome.status else _left(lab.trying)


def _combine(lab: Lab, name: str) -> str:
    _killed_writer(lab.trying / name)
    outcome = lab.call("combine", lab.whole / "manifest.parquet", "--out", lab.trying / "o.parquet")
    return f"status {outcome.status}: {outcome.said[-200:]}" if outcome.status else _left(lab.trying)


def _fit(lab: Lab) -> str:
    _killed_writer(lab.trying / "runs" / "a" / "config.yaml")
    outcome = lab.call("fit", *training(lab.whole)[:-1], lab.trying / "runs", "--name", "a", "--ckpt_path", "auto")
    return f"status {outcome.status}: {outcome.said[-200:]}" if outcome.status else _left(lab.trying)


def _clean(lab: Lab, workers: int) -> str:
    """Kill `clean` while its workers work, and wait for them to end."""
    audio = lab.trying / "audio"
    audio.mkdir()
    for number in range(60):
        write_tone(audio / f"{number}.wav", 200 + number, 4.0)
    rows = [{"name": str(number), "split": "train", "category": "anger"} for number in range(60)]
    manifest_of(rows, audio).write(lab.trying / "m.parquet")
    words = ["clean", "m.parquet", "copies", "--workers", str(workers), "--silence", "none", "--min_duration", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "vibespeaker", *words], cwd=lab.trying, stderr=subprocess.DEVNULL
    ) as run:
        deadline = time.monotonic() + 40
        while len(children := started_by(run.pid)) <= workers and time.monotonic() < deadline and run.poll() is None:
            time.sleep(0.1)
        time.sleep(2)  # they import
        children = started_by(run.pid)
        run.kill()
    if len(children) < workers:
        return "the attack broke: no workers"
    return outliving(children)
