"""Several prediction tables into one: means, votes, selections and stacking, each with an unbiased score.

The command is imported when it is first asked for: systems take the arithmetic of means from here, and no tables.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vibespeaker.ensemble.command import ensemble

__all__ = ["ensemble"]


def __getattr__(name: str) -> Any:
    if name != "ensemble":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vibespeaker.ensemble.command import ensemble

    return ensemble
