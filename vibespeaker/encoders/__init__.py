"""Frozen encoders: audio or text in, frame embeddings out.

The classes are imported when they are first asked for, since the pretrained ones bring transformers with them.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vibespeaker.encoders.audio_model import AudioModelEncoder
    from vibespeaker.encoders.contours import AcousticContours
    from vibespeaker.encoders.descriptors import AcousticDescriptors
    from vibespeaker.encoders.functionals import AcousticFunctionals
    from vibespeaker.encoders.handcrafted import HandcraftedFrames, HandcraftedMeans
    from vibespeaker.encoders.hashed_text import HashedText
    from vibespeaker.encoders.image_model import ImageEncoder
    from vibespeaker.encoders.mel_pictures import MelPictures
    from vibespeaker.encoders.opensmile_functionals import OpenSmileFunctionals
    from vibespeaker.encoders.reduced import Reduced
    from vibespeaker.encoders.rocket import Rocket
    from vibespeaker.encoders.speech import SpeechEncoder
    from vibespeaker.encoders.text import TextEncoder
    from vibespeaker.encoders.tokens import TokenEmbeddings
    from vibespeaker.encoders.whisper import WhisperEncoder

__all__ = [
    "AcousticContours",
    "AcousticDescriptors",
    "AcousticFunctionals",
    "AudioModelEncoder",
    "HandcraftedFrames",
    "HandcraftedMeans",
    "HashedText",
    "ImageEncoder",
    "MelPictures",
    "OpenSmileFunctionals",
    "Reduced",
    "Rocket",
    "SpeechEncoder",
    "TextEncoder",
    "TokenEmbeddings",
    "WhisperEncoder",
]

_HOMES = {
    "AcousticContours": "contours",
    "AcousticDescriptors": "descriptors",
    "AcousticFunctionals": "functionals",
    "AudioModelEncoder": "audio_model",
    "HandcraftedFrames": "handcrafted",
    "HandcraftedMeans": "handcrafted",
    "HashedText": "hashed_text",
    "ImageEncoder": "image_model",
    "MelPictures": "mel_pictures",
    "OpenSmileFunctionals": "opensmile_functionals",
    "Rocket": "rocket",
    "Reduced": "reduced",
    "TextEncoder": "text",
    "SpeechEncoder": "speech",
    "TokenEmbeddings": "tokens",
    "WhisperEncoder": "whisper",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
