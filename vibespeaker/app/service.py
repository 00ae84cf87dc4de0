"""What all visitors share: one recogniser, the queue before it, and the bounds of what it takes."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from vibespeaker.app.waiting import Queue
from vibespeaker.errors import ConfigError
from vibespeaker.recognizer.recorded import Recorded, recorded
from vibespeaker.recognizer.results import Recognition
from vibespeaker.recognizer.system import Recognizer
from vibespeaker.utterance import SAMPLE_RATE, Excerpt

#: Seconds between two looks at how many are before one in the queue.
_LOOK = 0.25
#: Seconds by which a recording may be longer than asked for without a note: frames of MP3 and AAC.
_NEAR = 0.1


@dataclass(frozen=True)
class Bounds:
    """What is taken of a visitor.

    Args:
        seconds: of a recording, from its beginning.
        megabytes: of a file.
    """

    seconds: float = 600.0
    megabytes: int = 50


@dataclass(frozen=True, eq=False)
class Answered:
    """A recording and what is said of it."""

    sound: Recorded
    answer: Recognition


class Service:
    """One recogniser for all visitors, one after the other.

    Args:
        recognizer: what answers.
        bounds: what is taken.
    """

    def __init__(self, recognizer: Recognizer, bounds: Bounds = Bounds()) -> None:
        self.recognizer, self.bounds = recognizer, bounds
        self._queue = Queue()

    def warm_up(self) -> None:
        """Answer once, so that the first visitor does not wait for what is loaded on demand."""
        noise = np.random.default_rng(0).normal(scale=0.01, size=SAMPLE_RATE).astype(np.float32)
        self.recognizer.recognize_samples(noise, text="" if self.recognizer.reads_text else None)

    def answered(
        self,
        content: bytes,
        name: str,
        text: str | None = None,
        seconds: float | None = None,
        waiting: Callable[[int], object] = lambda ahead: None,
    ) -> Answered:
        """Read a recording and answer it once it is its turn.

        Args:
            content: of a file.
            name: of the file.
            text: what was said, where the visitor knows it.
            seconds: to hear of it; null for as much as is taken.
            waiting: called with the number of those that are before, again and again until it is its turn.

        Raises:
            AudioError: it cannot be used.
        """
        with self._queue.place() as place:
            while not place.is_first(_LOOK):
                waiting(place.ahead)
            sound = replace(self._read(content, seconds), file=name, text=text)
            (answer,) = self.recognizer.answers([sound])
            return Answered(sound, answer)

    def _read(self, content: bytes, seconds: float | None) -> Recorded:
        """Read the beginning of a recording, and say so where there is more of it."""
        most = self.bounds.seconds if seconds is None else min(seconds, self.bounds.seconds)
        sound = recorded(content, excerpt=Excerpt(end=most + 2 * _NEAR))
        if sound.seconds <= most + _NEAR:
            return replace(sound, end=None)
        cut = f"the first {most:g} s are heard, the rest is not"
        return replace(sound, samples=sound.samples[: round(most * SAMPLE_RATE)], end=None, notes=(*sound.notes, cut))


_open: list[Service] = []


def open_for_visitors(service: Service) -> None:
    """Let the page of this process be answered by a service."""
    _open[:] = [service]


def service_at_hand() -> Service:
    """Return the service of this process.

    Raises:
        ConfigError: the page was started by hand.
    """
    if not _open:
        raise ConfigError("the page has no model", remedy="start it with vibespeaker app")
    return _open[0]
