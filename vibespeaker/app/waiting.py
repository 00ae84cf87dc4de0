"""A queue: who comes first is served first, the others wait and know how many are before them."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Place:
    """A place in a queue; made by `Queue.place`."""

    def __init__(self, queue: "Queue") -> None:
        self._queue = queue

    @property
    def ahead(self) -> int:
        """How many are before it."""
        return self._queue.ahead(self)

    def is_first(self, within: float) -> bool:
        """Wait for its turn.

        Args:
            within: seconds to wait at most.

        Returns:
            Whether it is its turn.
        """
        return self._queue.wait(self, within)


class Queue:
    """First come, first served."""

    def __init__(self) -> None:
        self._places: deque[Place] = deque()
        self._moved = threading.Condition()

    @contextmanager
    def place(self) -> Iterator[Place]:
        """Take the last place, and give it up in the end, also where somebody leaves before his or her turn."""
        own = Place(self)
        with self._moved:
            self._places.append(own)
        try:
            yield own
        finally:
            with self._moved:
                self._places.remove(own)
                self._moved.notify_all()

    def ahead(self, place: Place) -> int:
        """Return how many are before a place."""
        with self._moved:
            return self._places.index(place)

    def wait(self, place: Place, within: float) -> bool:
        """Wait for so many seconds at most; return whether it is the place's turn."""
        with self._moved:
            return self._moved.wait_for(lambda: self._places[0] is place, within)
