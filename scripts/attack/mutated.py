"""Files changed at random, by seed: every command that reads one ends with an answer or one sentence."""

import hashlib
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from attack.lab import Attack, Lab
from attack.material import training
from attack.mutations import mutate

#: Tries of each command on each file.
TRIES = 6
Words = list[object]


@dataclass(frozen=True)
class Target:
    """A file and who reads it.

    Args:
        source: the file, below the folder of what is whole.
        kind: of `mutations.STRUCTURED`, or of bytes alone.
        commands: name → from the folder of a try, in which everything is whole but for the file, to a command line.
        tries: of each command.
    """

    source: str
    kind: str
    commands: dict[str, Callable[[Path], Words]]
    tries: int = TRIES


def attacks(lab: Lab) -> Iterator[Attack]:
    """Yield the attacks."""
    for target in targets():
        for name, command in target.commands.items():
            for number in range(target.tries):
                run = partial(_try, lab, target, command, f"{target.source} {name} {number}")
                yield Attack(f"mutated {Path(target.source).name}", f"{name} {number}", run)


def targets() -> list[Target]:
    """Return the kinds of files and the commands that read them; each folder of a try is a copy of what is whole."""
    fit, predict = partial(_trainer, "fit"), partial(_trainer, "predict")
    cached = {"fit": fit, "predict": predict, "extract --verify": lambda at: [*_extract(at), "--verify"]}
    checkpoint = "runs/whole/checkpoints/last.ckpt"
    resume = lambda at: [*fit(at, "again"), "--ckpt_path", at / checkpoint, "--trainer.max_epochs=2"]  # noqa: E731
    return [
        Target("manifest.parquet", "parquet", _manifest_commands()),
        Target("predictions.parquet", "parquet", _prediction_commands()),
        Target("cache/sound/index.parquet", "parquet", cached),
        Target("cache/sound/encoder.json", "json", cached),
        Target("cache/cache.json", "json", cached),
        Target("cache/words/shards/SHARD.safetensors", "bytes", cached),
        Target("task.yaml", "yaml", {"fit": fit}, 3 * TRIES),
        Target("encoders.yaml", "yaml", {"extract": _extract}, 2 * TRIES),
        Target(
            checkpoint,
            "checkpoint",
            {
                "recognize": _recognize,
                "predict": predict,
                "init_from": lambda at: [*fit(at, "new"), f"--model.init_args.init_from={at / checkpoint}"],
                "resume": resume,
            },
            2 * TRIES,
        ),
        Target(
            "audio/test-0.wav",
            "bytes",
            {
                "recognize": _recognize,
                "prepare": lambda at: ["prepare", "emotion-csv", at / "table.csv", "--out", at / "o.parquet"],
                "extract": lambda at: [*_extract(at)[:-1], at / "other"],
            },
        ),
    ]


def _trainer(command: str, at: Path, name: str = "new") -> Words:
    # a config may ask for any number of epochs
    run = (
        ["--name", name, "--trainer.max_epochs=1"]
        if command == "fit"
        else ["--name", "whole", "--ckpt_path", "last", "--out", at / "o.csv"]
    )
    return [command, *training(at), *run]


def _extract(at: Path) -> Words:
    return ["extract", at / "manifest.parquet", "--encoders", at / "encoders.yaml", "--out", at / "cache"]


def _recognize(at: Path) -> Words:
    checkpoint = at / "runs" / "whole" / "checkpoints" / "last.ckpt"
    return ["recognize", at / "audio" / "test-0.wav", "--ckpt", checkpoint, "--text", "so it is"]


def _manifest_commands() -> dict[str, Callable[[Path], Words]]:
    def on(at: Path, command: str, *words: object) -> Words:
        return [command, at / "manifest.parquet", *words]

    return {
        "stats": lambda at: on(at, "stats"),
        "check": lambda at: on(at, "check"),
        "split": lambda at: on(at, "split", "--out", at / "o.parquet"),
        "combine": lambda at: on(at, "combine", "--labels", "corpora/challenge", "--out", at / "o.parquet"),
        "balance": lambda at: on(at, "balance", "--target", 2, "--out", at / "o.parquet"),
        "clean": lambda at: on(at, "clean", at / "c", "--silence", "none", "--workers", 1, "--out", at / "o.parquet"),
        "extract": _extract,
        "evaluate": lambda at: ["evaluate", at / "predictions.parquet", *_labels(at), "--draws", 0],
        "fit": partial(_trainer, "fit"),
    }


def _prediction_commands() -> dict[str, Callable[[Path], Words]]:
    def on(at: Path, command: str, *words: object) -> Words:
        return [command, at / "predictions.parquet", *words]

    return {
        "evaluate": lambda at: on(at, "evaluate", *_labels(at), "--draws", 0, "--out", at / "o.json"),
        "ensemble": lambda at: on(at, "ensemble", at / "predictions.parquet", "--out", at / "o.parquet"),
        "calibrate": lambda at: on(at, "calibrate", *_labels(at), "--split", "development", "--out", at / "o.json"),
        "prior": lambda at: on(at, "prior", *_labels(at), "--out", at / "o.parquet"),
        "submit": lambda at: on(at, "submit", *_labels(at), "--split", "test", "--out", at / "o"),
        "report": lambda at: on(at, "report", *_labels(at), "--draws", 0, "--out", at / "o"),
    }


def _labels(at: Path) -> Words:
    return ["--manifest", at / "manifest.parquet"]


def _try(lab: Lab, target: Target, command: Callable[[Path], Words], seed: str) -> str:
    at = lab.trying / "at"
    shutil.copytree(lab.whole, at)
    path = _file(at, target.source)
    path.write_bytes(mutate(path.read_bytes(), target.kind, random.Random(seed)))
    before = _hash(path)
    outcome = lab.call(*command(at))
    errors = [line for line in outcome.said.splitlines() if line.startswith("error: ")]
    if outcome.status is None:
        return f"traceback: {outcome.said}"
    if outcome.status not in (0, 1, 2) or (outcome.status == 2) != bool(errors) or len(errors) > 1:
        return f"status {outcome.status}, {len(errors)} sentences: {outcome.said[-200:]}"
    # a cache may be completed, and nothing else changes what it reads
    is_input = not target.source.startswith("cache/") or "extract" not in seed
    return "the input was changed" if is_input and _hash(path) != before else ""


def _file(at: Path, source: str) -> Path:
    if "SHARD" not in source:
        return at / source
    return sorted((at / source).parent.glob("*" + Path(source).suffix))[0]


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
