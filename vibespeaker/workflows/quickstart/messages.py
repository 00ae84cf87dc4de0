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


#: What one training says of itself, which hides the steps where several run side by side.
_ONE_TRAINING = ("vibespeaker.tasks.callbacks.run_lines", "vibespeaker.tasks.base", "vibespeaker.extract.command")


@contextmanager
def quiet(one_training: bool = False) -> Iterator[None]:
    """Silence log messages that hide the steps: Lightning's on devices, the submission's on every ingredient.

    Args:
        one_training: whether what a single training says of itself is heard.
    """
    names = _CHATTY if one_training else (*_CHATTY, *_ONE_TRAINING)
    loggers = [logging.getLogger(name) for name in names]
    levels = [chatty.level for chatty in loggers]
    for chatty in loggers:
        chatty.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for chatty, level in zip(loggers, levels, strict=True):
            chatty.setLevel(level)
