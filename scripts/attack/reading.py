"""Inputs that cannot be read: missing, folders, empty, foreign, cut short, without permission; in every command."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from attack.lab import Attack, Lab
from attack.material import training


def attacks(lab: Lab) -> Iterator[Attack]:
    """Yield the attacks: what is wrong, times every command's inputs."""
    for name, command in _commands(lab).items():
        for fault, spoil in _FAULTS.items():
            yield Attack(fault, f"{name} {fault}", partial(_read, lab, command, spoil, fault))


Command = Callable[[Path], list[object]]


def _commands(lab: Lab) -> dict[str, tuple[Path, Command]]:
    whole, trying = lab.whole, lab.trying
    manifest, predictions = whole / "manifest.parquet", whole / "predictions.parquet"
    return {
        "split": (manifest, lambda path: ["split", path, "--out", trying / "o.parquet"]),
        "combine": (manifest, lambda path: ["combine", path, "--out", trying / "o.parquet"]),
        "balance": (manifest, lambda path: ["balance", path, "--target", 2, "--out", trying / "o.parquet"]),
        "stats": (manifest, lambda path: ["stats", path]),
        "check": (manifest, lambda path: ["check", path]),
        "extract": (
            manifest,
            lambda path: ["extract", path, "--encoders", whole / "encoders.yaml", "--out", trying / "cache"],
        ),
        "evaluate's manifest": (manifest, lambda path: ["evaluate", predictions, "--manifest", path, "--draws", 0]),
        "evaluate": (predictions, lambda path: ["evaluate", path, "--manifest", manifest, "--draws", 0]),
        "prior": (predictions, lambda path: ["prior", path, "--manifest", manifest]),
        "ensemble": (predictions, lambda path: ["ensemble", path, predictions, "--out", trying / "o.parquet"]),
        "submit": (
            predictions,
            lambda path: ["submit", path, "--manifest", manifest, "--split", "test", "--out", trying / "o"],
        ),
        "report": (
            predictions,
            lambda path: ["report", path, "--manifest", manifest, "--draws", 0, "--out", trying / "o"],
        ),
        "fit's manifest": (
            manifest,
            lambda path: [
                *("fit", *training(whole)[:-1], trying / "runs", "--name", "a", f"--data.init_args.manifest={path}")
            ],
        ),
        "fit's config": (
            whole / "task.yaml",
            lambda path: ["fit", "--config", path, "--runs", trying / "runs", "--name", "a"],
        ),
    }


def _missing(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _foreign(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))


def _cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if content.startswith(b"PAR1") else b"model: [")


def _forbidden(path: Path) -> None:
    path.chmod(0)


_FAULTS: dict[str, Callable[[Path], None]] = {
    "missing": _missing,
    "folder": _folder,
    "empty": _empty,
    "foreign": _foreign,
    "cut short": _cut,
    "no permission": _forbidden,
}


def _read(lab: Lab, pair: tuple[Path, Command], spoil: Callable[[Path], None], fault: str) -> str:
    source, command = pair
    path = lab.trying / f"spoilt{source.suffix}"
    path.write_bytes(source.read_bytes())
    spoil(path)
    if fault != "no permission" or os.geteuid():
        return lab.refused(*command(path))
    # root reads everything: the command runs as nobody
    for folder in (lab.folder, *lab.folder.parents[:2]):
        folder.chmod(0o755)
    lab.trying.chmod(0o777)
    os.seteuid(65534)
    try:
        outcome = lab.call(*command(path))
    finally:
        os.seteuid(0)
    if outcome.status != 2:
        return f"status {outcome.status}: {outcome.said[-200:]}"
    return "" if "ermission" in outcome.said else f"another cause is named: {outcome.said[-200:]}"
