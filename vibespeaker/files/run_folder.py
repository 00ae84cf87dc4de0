"""What stands where in a run folder, `runs/NAME`: paths alone, for whoever writes, resumes, opens or reports a run."""

from pathlib import Path

CONFIG, RECORD = "config.yaml", "run.json"
LAST, BEST = "last", "best"


def checkpoint_path(folder: Path, name: str) -> Path:
    """Return where a run keeps its `last` or `best` checkpoint."""
    return folder / "checkpoints" / f"{name}.ckpt"


def trained_checkpoint(folder: Path) -> Path | None:
    """Return what a finished or interrupted run is used by: its best state, its last one where there is no best.

    Args:
        folder: the run folder.
    """
    return next((path for name in (BEST, LAST) if (path := checkpoint_path(folder, name)).is_file()), None)
