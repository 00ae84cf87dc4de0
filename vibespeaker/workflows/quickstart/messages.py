"""What is said meanwhile: the steps, and what goes wrong."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_CHATTY = (
    "lightning.pytorch",
    "lightning.fabric",
    "lightning.pytorch.utilities.rank_zero",
    "vibespeaker.submission.command",
)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence log messages that hide the steps: Lightning's on devices, the submission's on every ingredient."""
    loggers = [logging.getLogger(name) for name in _CHATTY]
    levels = [chatty.level for chatty in loggers]
    for chatty in loggers:
        chatty.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for chatty, level in zip(loggers, levels, strict=True):
            chatty.setLevel(level)
