"""From recordings to texts.

The recognisers are imported when they are first asked for, since each brings a library of its own.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vibespeaker.transcribe.ctc import CTCTranscriber
    from vibespeaker.transcribe.sphinx import SphinxTranscriber
    from vibespeaker.transcribe.vosk import VoskTranscriber
    from vibespeaker.transcribe.whisper import WhisperTranscriber

__all__ = ["CTCTranscriber", "SphinxTranscriber", "VoskTranscriber", "WhisperTranscriber"]

_HOMES = {
    "CTCTranscriber": "ctc",
    "SphinxTranscriber": "sphinx",
    "VoskTranscriber": "vosk",
    "WhisperTranscriber": "whisper",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
