"""What is attacked, and how an attack is judged: a small corpus, its cache, a trained run and its predictions."""

import contextlib
import hashlib
import io
import logging
import os
import shutil
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attack.material import make

#: A command that takes more processor time than this hangs, in seconds; and what waits for longer than that, times two.
LIMIT, WAITING = 30, 2


class Hangs(BaseException):
    """No command catches it."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Args:
        status: its exit status; None where it broke with a traceback.
        said: what it wrote to its error stream, or the traceback's last line.
    """

    status: int | None
    said: str


@dataclass(frozen=True)
class Attack:
    """One try.

    Args:
        kind: what the table counts it under.
        name: unique within the family.
        run: makes the hostile input, runs commands, and returns what went wrong; nothing where all is well.
        isolated: whether it runs in a process of its own, which can be ended where Python waits for a library.
    """

    kind: str
    name: str
    run: Callable[[], str]
    isolated: bool = False


class Lab:
    """A folder with pristine material in `whole`, and a fresh folder `try` for each attack.

    Args:
        folder: made here.
    """

    def __init__(self, folder: Path) -> None:
        warnings.simplefilter("ignore")
        self.folder, self.whole, self.trying = folder, folder / "whole", folder / "try"
        self.mark = folder / "MARK"
        self.whole.mkdir(parents=True)
        made = make(self.whole, self.call)
        assert made == "", made
        shutil.copytree(self.whole, folder / "copy", symlinks=True)
        self._state = _state(self.whole)

    def judge(self, attack: Attack) -> str:
        """Run an attack and return what went wrong; whatever it destroyed is made whole again."""
        shutil.rmtree(self.trying, ignore_errors=True)
        self.trying.mkdir()
        self.mark.unlink(missing_ok=True)
        outside = {path.name for path in self.folder.iterdir()}
        try:
            fault = self._alone(attack.run) if attack.isolated else attack.run()
        except Hangs:
            fault = f"hangs for {LIMIT} s"
        except Exception as error:
            fault = f"the attack broke: {type(error).__name__}: {error}"
        if self.mark.exists():
            fault = "ran a stranger's command"
        changed = _changed(self._state, _state(self.whole))
        if changed:
            fault = fault or f"changed {', '.join(sorted(changed)[:3])}"
        strayed = {path.name for path in self.folder.iterdir()} - outside - {"MARK"}
        if strayed:
            fault = fault or f"wrote outside: {', '.join(sorted(strayed))}"
        for name in strayed:
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if changed:
            shutil.rmtree(self.whole)
            shutil.copytree(self.folder / "copy", self.whole, symlinks=True)
            self._state = _state(self.whole)
        return fault

    def _alone(self, run: Callable[[], str]) -> str:
        result = self.folder / "result"
        pid = os.fork()
        if not pid:
            try:
                result.write_text(run())
            finally:
                os._exit(0)
        deadline = time.monotonic() + LIMIT * WAITING
        while not os.waitpid(pid, os.WNOHANG)[0]:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                raise Hangs
            time.sleep(0.1)
        fault = result.read_text() if result.is_file() else "broke"
        result.unlink(missing_ok=True)
        return fault

    def call(self, *words: object, seconds: int = LIMIT) -> Outcome:
        """Run a command of the checkout in this process."""
        main = _main()
        said = io.StringIO()
        logging.getLogger().handlers.clear()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()), _limited(seconds):
            try:
                status: int | None = main([str(word) for word in words])
            except SystemExit as stop:
                status = stop.code if isinstance(stop.code, int) else 1
            except Exception as error:
                text = " ".join(f"{type(error).__name__}: {error}".split())
                return Outcome(None, text[:300])
        return Outcome(status, said.getvalue())

    def refused(self, *words: object) -> str:
        """Run a command and return why its end is no refusal in one sentence; nothing where it is one."""
        outcome = self.call(*words)
        if outcome.status is None:
            return f"traceback: {outcome.said}"
        errors = [line for line in outcome.said.splitlines() if line.startswith("error: ")]
        if outcome.status != 2 or len(errors) != 1 or "Traceback" in outcome.said:
            return f"status {outcome.status}, {len(errors)} sentences: {outcome.said[-200:]}"
        return ""


@contextlib.contextmanager
def _limited(seconds: int) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise Hangs

    before = {number: signal.signal(number, stop) for number in (signal.SIGALRM, signal.SIGPROF)}
    signal.alarm(seconds * WAITING)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _main() -> Callable[[list[str]], int]:
    try:
        from vibespeaker.cli.main import main
    except ImportError:
        from vibespeaker.cli import main
    return main


def _state(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}
