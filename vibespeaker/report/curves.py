"""Learning curves out of TensorBoard's event files."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

EVENT_FILES = "events.out.tfevents.*"
#: Bytes: a record with one scalar has some tens; longer ones are pictures and texts.
_LARGEST_SCALAR = 4096


@dataclass(frozen=True)
class Curve:
    """One logged quantity.

    Args:
        steps: `(N,)` optimiser steps, ascending.
        values: `(N,)`.
    """

    steps: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Logs:
    """What a run logged.

    Args:
        curves: tag → curve, in alphabetical order.
        seconds: from the first to the last scalar, the pauses between resumed parts left out; NaN without any.
    """

    curves: Mapping[str, Curve]
    seconds: float


def read_logs(folder: Path) -> Logs:
    """Read all scalars of the event files anywhere below `folder`.

    Where a resumed run logged a step again, the later file holds. A file cut off by a kill is read up to the cut.
    """
    points: dict[str, dict[int, float]] = defaultdict(dict)
    seconds = []
    for path in sorted(folder.rglob(EVENT_FILES), key=lambda path: (path.name, path.parent)):
        times = []
        for tag, step, value, time in _scalars(path):
            points[tag][step] = value
            times.append(time)
        if times:
            seconds.append(max(times) - min(times))
    curves = {}
    for tag in sorted(points):
        steps = sorted(points[tag])
        values = np.array([points[tag][step] for step in steps], np.float64)
        curves[tag] = Curve(np.array(steps, np.int64), values)
    return Logs(curves, sum(seconds) if seconds else float("nan"))


def _scalars(path: Path) -> list[tuple[str, int, float, float]]:
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    found = []
    for record in RawEventFileLoader(str(path)).Load():
        if len(record) > _LARGEST_SCALAR:
            continue
        event = Event.FromString(record)
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.append((value.tag, event.step, value.simple_value, event.wall_time))
            elif value.tensor.float_val:
                found.append((value.tag, event.step, value.tensor.float_val[0], event.wall_time))
    return found
