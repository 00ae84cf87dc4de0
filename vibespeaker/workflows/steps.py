"""A chain of steps that can be run again: what is done is left alone, what changed or was cut off is done anew.

Each finished step leaves a stamp: a JSON file with the key of its inputs and the hashes of the files it made. The key
of a step covers its parameters and the keys of the steps it builds on, so that a change early in the chain reaches
everything after it.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vibespeaker import __version__
from vibespeaker.files import file_sha256, write_text

logger = logging.getLogger(__name__)

STAMPS = ".steps"


@dataclass(frozen=True)
class Step:
    """One piece of work.

    Args:
        name: unique in the chain; the stamp's file name.
        title: what is being done, for the log.
        inputs: whatever decides the result: parameters, and keys of earlier steps; JSON values.
        outputs: files and folders that the work makes. Files are hashed; of folders only their presence is checked.
        work: makes the outputs. It is called only when they are not there already, and starts from a clean slate or
            resumes, as it can.
    """

    name: str
    title: str
    inputs: Mapping[str, Any]
    outputs: tuple[Path, ...]
    work: Callable[[], None]

    @property
    def key(self) -> str:
        """SHA-256 over the inputs, the name and the version of the package."""
        content = {"name": self.name, "version": __version__, "inputs": dict(self.inputs)}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class Chain:
    """Runs steps in a folder and remembers what was done.

    Args:
        folder: where stamps are kept, in `.steps`.
        total: number of steps for the log, null while it is unknown.

    Attributes:
        worked: names of the steps that had to be done in this run.
    """

    def __init__(self, folder: Path, total: int | None = None) -> None:
        self.folder, self.total = folder, total
        self.seen = 0
        self.worked: list[str] = []

    def run(self, step: Step) -> str:
        """Do a step unless it is done, and return its key for the steps that build on it."""
        self.seen += 1
        position = f"[{self.seen}]" if self.total is None else f"[{self.seen}/{self.total}]"
        stamp = self.folder / STAMPS / f"{step.name}.json"
        if _is_done(step, stamp):
            logger.info("%s %s: done before", position, step.title)
            return step.key
        logger.info("%s %s", position, step.title)
        stamp.unlink(missing_ok=True)
        step.work()
        hashes = {path.name: file_sha256(path) for path in step.outputs if path.is_file()}
        missing = [str(path) for path in step.outputs if not path.exists()]
        assert not missing, f"step {step.name} did not make {missing}"
        content = {"key": step.key, "inputs": dict(step.inputs), "outputs": hashes}
        write_text(stamp, json.dumps(content, indent=1, sort_keys=True) + "\n")
        self.worked.append(step.name)
        return step.key


def _is_done(step: Step, stamp: Path) -> bool:
    try:
        content = json.loads(stamp.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    if content.get("key") != step.key or not all(path.exists() for path in step.outputs):
        return False
    hashes = content.get("outputs", {})
    return all(hashes.get(path.name) == file_sha256(path) for path in step.outputs if path.is_file())
