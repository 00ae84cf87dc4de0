"""Checkpoints that configs name under `runs/`, wherever `--runs` puts the runs."""

from pathlib import Path
from typing import Any

#: What shipped configs write for the folder of all runs.
USUAL = Path("runs")


def move_runs(model: Any, runs: Path) -> None:
    """Let checkpoints of other runs be found below `--runs`: what a model starts from, a system, and its members.

    Args:
        model: `class_path` and `init_args` as parsed; changed in place.
        runs: folder of all runs.
    """
    arguments = None if model is None else model.get("init_args")
    if arguments is None or runs == USUAL:
        return
    for name in ("init_from", "source"):
        if arguments.get(name) is not None:
            arguments[name] = moved(arguments[name], runs)
    members = arguments.get("members")
    if isinstance(members, dict):
        arguments["members"] = {name: moved(path, runs) for name, path in members.items()}


def moved(path: Any, runs: Path) -> Any:
    """Return `runs/NAME/…` below the folder of all runs, in the type given; a file that is there stays what it is."""
    parts = Path(path).parts
    if parts[:1] != USUAL.parts or Path(path).exists():
        return path
    return type(path)(str(runs.joinpath(*parts[1:])))
