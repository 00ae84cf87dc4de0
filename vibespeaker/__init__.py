"""VibeSpeaker: speech emotion recognition from recordings and their transcripts.

from vibespeaker import Recognizer

print(Recognizer()("talk.wav").category)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vibespeaker.recognizer.system import Recognizer

__all__ = ["Recognizer", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name != "Recognizer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vibespeaker.recognizer.system import Recognizer

    return Recognizer
