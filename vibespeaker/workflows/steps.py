"""Work that can be started again: what is done is left alone, what changed is done anew, what was cut off goes on.

Each finished step of a chain leaves a stamp: a JSON file with the key of its inputs and the hashes of the files it
made. The key of a step covers its parameters and the keys of the steps it builds on, so that a change early in the
chain reaches everything after it.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from vibespeaker import __version__
from vibespeaker.errors import ConfigError
from vibespeaker.files import file_sha256, write_text
from vibespeaker.processes.workers import Workers

logger = logging.getLogger(__name__)

STAMPS = ".steps"
#: In a run folder: the key of the step that trains there.
KEY_FILE = "step.key"


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
        workers: who does independent steps.

    Attributes:
        worked: names of the steps that had to be done in this run.
    """

    def __init__(self, folder: Path, total: int | None = None, workers: Workers = Workers()) -> None:  # noqa: B008
        self.folder, self.total, self.workers = folder, total, workers
        self.seen = 0
        self.worked: list[str] = []

    def run(self, step: Step) -> str:
        """Do a step unless it is done, and return its key for the steps that build on it."""
        if not self._was_done(step):
            self._begin(step)
            step.work()
            self._finish(step)
        return step.key

    def run_together(self, steps: Sequence[Step]) -> list[str]:
        """Do those of some independent steps that are not done, and return the keys of all.

        Args:
            steps: none of which needs another, the longest first; their work can be pickled.
        """
        pool = self.workers.pool
        if pool is None:
            return [self.run(step) for step in steps]
        under_way: dict[Future[None], Step] = {}
        for step in steps:
            if self._was_done(step):
                continue
            if len(under_way) == self.workers.count:
                self._finish_one(under_way)
            self._begin(step)
            under_way[pool.submit(step.work)] = step
        while under_way:
            self._finish_one(under_way)
        return [step.key for step in steps]

    def _finish_one(self, under_way: dict[Future[None], Step]) -> None:
        done, _ = wait(under_way, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
            self._finish(under_way.pop(future))

    def _was_done(self, step: Step) -> bool:
        if not _is_done(step, self._stamp(step)):
            return False
        logger.info("%s %s: done before", self._position(), step.title)
        return True

    def _begin(self, step: Step) -> None:
        logger.info("%s %s", self._position(), step.title)
        self._stamp(step).unlink(missing_ok=True)

    def _finish(self, step: Step) -> None:
        hashes = {path.name: file_sha256(path) for path in step.outputs if path.is_file()}
        missing = [str(path) for path in step.outputs if not path.exists()]
        assert not missing, f"step {step.name} did not make {missing}"
        content = {"key": step.key, "inputs": dict(step.inputs), "outputs": hashes}
        write_text(self._stamp(step), json.dumps(content, indent=1, sort_keys=True) + "\n")
        self.worked.append(step.name)

    def _stamp(self, step: Step) -> Path:
        return self.folder / STAMPS / f"{step.name}.json"

    def _position(self) -> str:
        """Return the number of the next step, for the log."""
        self.seen += 1
        return f"[{self.seen}]" if self.total is None else f"[{self.seen}/{self.total}]"


def _is_done(step: Step, stamp: Path) -> bool:
    try:
        content = json.loads(stamp.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    if not isinstance(content, dict) or content.get("key") != step.key:
        return False
    hashes = content.get("outputs", {})
    if not isinstance(hashes, dict) or not all(path.exists() for path in step.outputs):
        return False
    return all(hashes.get(path.name) == file_sha256(path) for path in step.outputs if path.is_file())


@dataclass(frozen=True)
class Training:
    """A run to be trained, and to predict with.

    Args:
        runs: folder of runs.
        name: of the run folder in it.
        options: of `fit` and `predict`, without those that follow from the other fields.
        system: what reports call its predictions.
        checkpoint: `best` or `last`: what predicts.
        predict: further options of `predict`; null for a run that predicts nothing.
    """

    runs: Path
    name: str
    options: tuple[str, ...]
    system: str
    checkpoint: str = "best"
    predict: tuple[str, ...] | None = ()

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.runs / self.name

    @property
    def table(self) -> Path:
        """The prediction table."""
        return self.folder / "predictions.parquet"

    def commands(self) -> Iterator[list[str]]:
        """Yield the command lines of `fit`, which goes on where it was interrupted, and of `predict`."""
        common = [*self.options, "--name", self.name, "--runs", str(self.runs)]
        yield ["fit", *common, "--ckpt_path", "auto"]
        if self.predict is not None:
            table = ["--out", str(self.table), "--system", self.system]
            yield ["predict", *common, "--ckpt_path", self.checkpoint, *self.predict, *table]


def training_step(
    name: str, title: str, inputs: Mapping[str, Any], training: Training, outputs: tuple[Path, ...] = ()
) -> Step:
    """Return the step that trains a run and predicts with it; `outputs` are what it makes besides its table, if any."""
    tables = () if training.predict is None else (training.table,)
    step = Step(name, title, inputs, (*outputs, *tables), lambda: None)
    return replace(step, work=partial(fit_then_predict, training, step.key))


def fit_then_predict(training: Training, key: str) -> None:
    """Do a step of training; a run folder that was begun under another key is emptied before.

    Args:
        training: the run.
        key: of the step.
    """
    from vibespeaker.trainer.cli import run_trainer  # seconds, in the process that trains alone

    key_file = training.folder / KEY_FILE
    if not key_file.is_file() or key_file.read_bytes() != key.encode():
        shutil.rmtree(training.folder, ignore_errors=True)
        write_text(key_file, key)
    for command in training.commands():
        run_trainer(command)


def reserve(stamp: Path, what: str, facts: Mapping[str, Any], notes: Mapping[str, Any] | None = None) -> None:
    """Keep one folder for one piece of work: write its stamp, or compare with the one that is there.

    Args:
        stamp: JSON file in the folder.
        what: the kind of work, for errors.
        facts: what decides the results; JSON values.
        notes: what else the stamp says, to recognise the work by.

    Raises:
        ConfigError: the folder holds other work of this kind, or its stamp is damaged.
    """
    if not stamp.is_file():
        write_text(stamp, json.dumps({**(notes or {}), **facts}, indent=1) + "\n")
        return
    try:
        found = dict(json.loads(stamp.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{stamp} is damaged", found=error, remedy="choose another --out") from error
    differing = [key for key in facts if found.get(key) != facts[key]]
    if differing:
        known = [f"{key} {found.get(key)}" for key in notes or {}]
        raise ConfigError(
            f"{stamp.parent} holds another {what}",
            found=", ".join([*known, f"another {' and '.join(differing)}"]),
            remedy="choose another --out, or go on with what it was made with",
        )
