"""Frozen encoders: audio or text in, frame embeddings out.

The classes are imported when they are first asked for, since the pretrained ones bring transformers with them.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vibespeaker.encoders.descriptors import AcousticDescriptors
    from vibespeaker.encoders.functionals import AcousticFunctionals
    from vibespeaker.encoders.hashed_text import HashedText
    from vibespeaker.encoders.random_convolutions import RandomConvolutions
    from vibespeaker.encoders.reduced import Reduced
    from vibespeaker.encoders.roberta import RobertaEncoder
    from vibespeaker.encoders.wavlm import WavLMEncoder
    from vibespeaker.encoders.whisper import WhisperEncoder

__all__ = [
    "AcousticDescriptors",
    "AcousticFunctionals",
    "HashedText",
    "RandomConvolutions",
    "Reduced",
    "RobertaEncoder",
    "WavLMEncoder",
    "WhisperEncoder",
]

_HOMES = {
    "AcousticDescriptors": "descriptors",
    "AcousticFunctionals": "functionals",
    "HashedText": "hashed_text",
    "RandomConvolutions": "random_convolutions",
    "Reduced": "reduced",
    "RobertaEncoder": "roberta",
    "WavLMEncoder": "wavlm",
    "WhisperEncoder": "whisper",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
