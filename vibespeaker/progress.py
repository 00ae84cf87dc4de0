"""Progress shown while a command works: rate and time left on the error stream."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

log = logging.getLogger(__name__)

#: Seconds between two lines of progress in a log.
LOG_SECONDS = 60.0
#: Characters in a line where no terminal shows it.
_LOG_WIDTH = 160


def plain_console() -> Console:
    """Return what commands print tables and lines with.

    Names are shown as they are: brackets in them are no markup, and `:smile:` is no picture. Where no terminal tells
    its width, as in a log file, lines are wide.
    """
    made = Console(markup=False, emoji=False, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _LOG_WIDTH
    return made


def middle_cut(name: str, width: int) -> str:
    """Return a name in so many columns: cut in the middle, since what tells names apart stands at their ends.

    Args:
        name: of a system or a file.
        width: most characters, at least 3.
    """
    if len(name) <= width:
        return name
    behind = (width - 1) * 2 // 3
    return f"{name[: width - 1 - behind]}…{name[-behind:]}"


_hidden = False


@contextmanager
def hidden_progress() -> Iterator[None]:
    """Show no progress meanwhile: another process shows it for all."""
    global _hidden
    before, _hidden = _hidden, True
    try:
        yield
    finally:
        _hidden = before


class _RateColumn(ProgressColumn):
    """Finished items per second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f} {self.unit}/s")


class Tracker:
    """Counts finished items of one piece of work.

    Where there is no terminal to draw a bar on, as in a batch job, one line per minute goes to the log.
    """

    def __init__(self, progress: Progress, task: "int", unit: str) -> None:
        self._progress = progress
        self._task = task
        self._unit = unit
        self._logged = time.monotonic()

    def advance(self, items: int = 1) -> None:
        """Report `items` more as done."""
        self._progress.advance(self._task, items)  # type: ignore[arg-type]
        if (
            not self._progress.disable
            and not self._progress.console.is_terminal
            and time.monotonic() - self._logged >= LOG_SECONDS
        ):
            self._logged = time.monotonic()
            self._log()

    def _log(self) -> None:
        task = self._progress.tasks[self._task]
        rate = "" if task.speed is None else f", {task.speed:.1f} {self._unit}/s"
        left = "" if task.time_remaining is None else f", {timedelta(seconds=int(task.time_remaining))} left"
        log.info("%s: %d of %d %s%s%s", task.description, task.completed, task.total, self._unit, rate, left)


@contextmanager
def tracked(description: str, total: int, unit: str = "clips") -> Iterator[Tracker]:
    """Show a progress bar on the error stream while the body runs.

    Args:
        description: what is being done.
        total: items to do.
        unit: what an item is called in the rate.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=_hidden) as progress:
        yield Tracker(progress, progress.add_task(description, total=total), unit)
