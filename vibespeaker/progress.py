"""Progress shown while a command works: rate and time left on the error stream."""

from collections.abc import Iterator
from contextlib import contextmanager

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


class _RateColumn(ProgressColumn):
    """Finished items a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f} {self.unit}/s")


class Tracker:
    """Counts finished items of one piece of work."""

    def __init__(self, progress: Progress, task: "int") -> None:
        self._progress = progress
        self._task = task

    def advance(self, items: int = 1) -> None:
        """Report `items` more as done."""
        self._progress.advance(self._task, items)  # type: ignore[arg-type]


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
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield Tracker(progress, progress.add_task(description, total=total))
