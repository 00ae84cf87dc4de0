"""Several commands at once, killed ones, and files that move: what is left goes on, or is refused in one sentence."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from attack.lab import Attack, Lab
from attack.material import ENCODERS, manifest_of, training, write_tone
from attack.processes import OUTLIVE, is_running, outliving, started_by, wait_until

#: Seconds that a command in a process of its own may take.
_LIMIT = 300.0


def attacks(lab: Lab) -> Iterator[Attack]:
    """Yield the attacks."""
    yield Attack("killed", "sweep", partial(_sweep, lab))
    yield Attack("killed", "clean", partial(_clean, lab))
    yield Attack("killed", "rank 0", partial(_rank, lab, 0))
    yield Attack("killed", "rank 1", partial(_rank, lab, 1))
    yield Attack("at once", "two fits of one name", partial(_two_fits, lab))
    yield Attack("at once", "two extractions into one cache", partial(_two_extractions, lab))
    for moved in ("audio", "manifest.parquet", "cache", "runs"):
        for command in ("predict", "evaluate", "extract", "fit"):
            yield Attack("moved in between", f"{command} without {moved}", partial(_moved, lab, moved, command))
    for moved in ("audio", "manifest.parquet", "cache"):
        for command in ("extract", "fit"):
            yield Attack("moved meanwhile", f"{command}, {moved}", partial(_moved_meanwhile, lab, moved, command))


def _start(lab: Lab, *words: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "vibespeaker", *map(str, words)]
    return subprocess.Popen(command, cwd=lab.trying, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _end(run: "subprocess.Popen[str]") -> tuple[int, str]:
    """Wait for a command, and return its status and what it said."""
    try:
        said = run.communicate(timeout=_LIMIT)[1]
    except subprocess.TimeoutExpired:
        run.kill()
        run.communicate()
        return -9, f"hangs for {_LIMIT} s"
    return run.returncode, said


def _sweep(lab: Lab) -> str:
    words = training(lab.whole)
    settings = {"data.class_path": words[2].partition("=")[2]}  # type: ignore[union-attr]
    settings |= {"data.init_args.manifest": str(lab.whole / "manifest.parquet")}
    settings |= {"data.init_args.cache": str(lab.whole / "cache")}
    trials = [{"model.init_args.optimizer.init_args.lr": rate} for rate in (0.01, 0.02)]
    plan = {"config": str(lab.whole / "task.yaml"), "settings": settings, "trials": trials}
    (lab.trying / "plan.yaml").write_text(json.dumps(plan))
    run = _start(lab, "sweep", "plan.yaml", "--out", "sweep", "--report", "false")
    begun = wait_until(lambda: any(lab.trying.glob("sweep/*/checkpoints/last.ckpt")) or run.poll() is not None, _LIMIT)
    processes = started_by(run.pid)
    run.kill()
    said = _end(run)[1]
    if not begun or not processes:
        return f"the attack broke: no trial began: {said[-200:]}"
    fault = outliving(processes)
    status, said = _end(_start(lab, "sweep", "plan.yaml", "--out", "sweep", "--report", "false"))
    return fault or ("" if status == 0 else f"status {status} after the kill: {said[-200:]}")


def _clean(lab: Lab) -> str:
    """Kill `clean` at work; run again, it writes what an undisturbed one does."""
    audio = lab.trying / "audio"
    audio.mkdir()
    for number in range(40):
        write_tone(audio / f"{number}.wav", 200 + number, 2.0)
    rows = [{"name": str(number), "split": "train", "category": "anger"} for number in range(40)]
    manifest_of(rows, audio).write(lab.trying / "m.parquet")
    words = ["--silence", "none", "--min_duration", "0", "--workers", "2"]
    run = _start(lab, "clean", "m.parquet", "killed", "--out", "killed.parquet", *words)
    begun = wait_until(lambda: any(lab.trying.glob("killed/**/*.wav")) or run.poll() is not None, _LIMIT)
    processes = started_by(run.pid)
    run.kill()
    said = _end(run)[1]
    if not begun:
        return f"the attack broke: no copy was written: {said[-200:]}"
    fault = outliving(processes)
    for name in ("killed", "undisturbed"):
        status, said = _end(_start(lab, "clean", "m.parquet", name, "--out", f"{name}.parquet", *words))
        if status:
            return fault or f"status {status} of {name}: {said[-200:]}"
    ours, theirs = (
        {path.name: path.read_bytes() for path in (lab.trying / name).rglob("*") if path.is_file()}
        for name in ("killed", "undisturbed")
    )
    return fault or ("" if ours == theirs and len(ours) == 40 else "other copies than undisturbed")


def _moved_meanwhile(lab: Lab, moved: str, command: str) -> str:
    """Move what a command reads or writes away while it works: it ends, with one sentence where it cannot go on."""
    at = lab.trying / "at"
    shutil.copytree(lab.whole, at)
    if command == "extract":
        shutil.rmtree(at / "cache")
        words = ["extract", at / "manifest.parquet", "--encoders", at / "encoders.yaml", "--out", at / "cache"]
        words += ["--shard_size", 2, "--batch_clips", 2]
        sign = "cache/sound/shards/*.parquet"
    else:
        words, sign = (
            ["fit", *training(at), "--name", "new", "--trainer.max_epochs=20"],
            "runs/new/checkpoints/last.ckpt",
        )
    run = _start(lab, *words)
    begun = wait_until(lambda: any(at.glob(sign)) or run.poll() is not None, _LIMIT)
    (at / moved).rename(at / "elsewhere")
    status, said = _end(run)
    if not begun:
        return f"the attack broke: nothing began: {said[-200:]}"
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    is_right = (status in (0, 1) and not errors) or (status == 2 and len(errors) == 1)
    return "" if is_right and "Traceback" not in said else f"status {status}, {len(errors)} sentences: {said[-300:]}"


def _rank(lab: Lab, rank: int) -> str:
    """Kill one of two processes of a training: the other ends, and says what happened and how to go on."""
    two = ["--trainer.devices=2", "--trainer.strategy=ddp", "--trainer.max_epochs=500"]
    run = _start(lab, "fit", *training(lab.whole)[:-1], "runs", "--name", "a", *two)
    last = lab.trying / "runs" / "a" / "checkpoints" / "last.ckpt"
    begun = wait_until(lambda: last.is_file() or run.poll() is not None, _LIMIT)
    others = started_by(run.pid)
    victims = [run.pid] if rank == 0 else others
    for pid in victims:
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)
    ended = wait_until(lambda: run.poll() is not None, OUTLIVE)
    if not ended:
        run.kill()
    status, said = _end(run)
    if not begun or not others:
        return f"the attack broke: no two processes: {said[-200:]}"
    fault = outliving(others) or ("" if ended else "the other process goes on")
    # Lightning ends the first process, too, once it has said so
    if rank and not fault and not ("process" in said and "--ckpt_path" in said):
        fault = f"status {status}, and no word of it: {said[-200:]}"
    resumed = lab.call("fit", *training(lab.whole)[:-1], lab.trying / "runs", "--name", "a", "--ckpt_path", "last")
    return fault or ("" if resumed.status == 0 else f"status {resumed.status} on resuming: {resumed.said[-200:]}")


def _two_fits(lab: Lab) -> str:
    words = ["fit", *training(lab.whole)[:-1], "runs", "--name", "a", "--trainer.max_epochs=30"]
    ends = [_end(run) for run in [_start(lab, *words), _start(lab, *words)]]
    wrong = [f"status {status}: {said[-200:]}" for status, said in ends if status not in (0, 2)]
    if wrong:
        return wrong[0]
    if all(status == 2 for status, _ in ends):
        return f"both are refused: {ends[0][1][-200:]}"
    return "" if any(status == 2 for status, _ in ends) else "both wrote one run"


def _two_extractions(lab: Lab) -> str:
    (lab.trying / "one.yaml").write_text(ENCODERS.splitlines()[0] + "\n")
    (lab.trying / "two.yaml").write_text(ENCODERS.splitlines()[1] + "\n")
    words = ["extract", lab.whole / "manifest.parquet", "--out", "cache", "--encoders"]
    ends = [_end(run) for run in [_start(lab, *words, "one.yaml"), _start(lab, *words, "two.yaml")]]
    wrong = [f"status {status}: {said[-200:]}" for status, said in ends if status]
    if wrong:
        return wrong[0]
    both = ["extract", lab.whole / "manifest.parquet", "--encoders", lab.whole / "encoders.yaml"]
    verified = lab.call(*both, "--out", lab.trying / "cache", "--verify")
    return "" if verified.status == 0 else f"status {verified.status} of verifying: {verified.said[-200:]}"


def _moved(lab: Lab, moved: str, command: str) -> str:
    at = lab.trying / "at"
    shutil.copytree(lab.whole, at)
    (at / moved).rename(at / "elsewhere")
    words: dict[str, list[object]] = {
        "predict": ["predict", *training(at), "--name", "whole", "--ckpt_path", "last", "--out", at / "o.parquet"],
        "evaluate": ["evaluate", at / "predictions.parquet", "--manifest", at / "manifest.parquet", "--draws", 0],
        "extract": ["extract", at / "manifest.parquet", "--encoders", at / "encoders.yaml", "--out", at / "cache"],
        "fit": ["fit", *training(at), "--name", "new"],
    }
    outcome = lab.call(*words[command])
    if outcome.status is None:
        return f"traceback: {outcome.said}"
    errors = [line for line in outcome.said.splitlines() if line.startswith("error: ")]
    is_right = outcome.status == 0 or (outcome.status == 1 and not errors) or (outcome.status == 2 and len(errors) == 1)
    return "" if is_right else f"status {outcome.status}, {len(errors)} sentences: {outcome.said[-200:]}"
