"""Adapters: one file per corpus, from a folder as published to utterances."""

import importlib
from collections.abc import Mapping
from typing import Any

from vibespeaker.corpora.base import CorpusAdapter
from vibespeaker.corpora.options import typed_options
from vibespeaker.errors import CorpusError

#: FORMAT of `vibespeaker prepare` → (module:class).
FORMATS = {
    "msp-podcast": "vibespeaker.corpora.msp_podcast:MSPPodcast",
    "ravdess": "vibespeaker.corpora.ravdess:RAVDESS",
    "emodb": "vibespeaker.corpora.emodb:EmoDB",
    "crema-d": "vibespeaker.corpora.crema_d:CREMAD",
    "savee": "vibespeaker.corpora.savee:SAVEE",
    "tess": "vibespeaker.corpora.tess:TESS",
    "iemocap": "vibespeaker.corpora.iemocap:IEMOCAP",
    "emovo": "vibespeaker.corpora.emovo:EMOVO",
    "urdu": "vibespeaker.corpora.urdu:URDU",
    "nemo": "vibespeaker.corpora.nemo:NEMO",
    "meld": "vibespeaker.corpora.meld:MELD",
    "common-voice": "vibespeaker.corpora.common_voice:CommonVoice",
    "vad-csv": "vibespeaker.corpora.table_formats:VadCSV",
    "emotion-csv": "vibespeaker.corpora.table_formats:EmotionCSV",
    "table": "vibespeaker.corpora.table_formats:NamedColumns",
    "folder": "vibespeaker.corpora.emotion_folders:EmotionFolders",
    "rttm": "vibespeaker.corpora.rttm:RTTM",
    "textgrid": "vibespeaker.corpora.textgrid:TextGrid",
}


def adapter(name: str, options: Mapping[str, Any] | None = None) -> CorpusAdapter:
    """Return the adapter of a format.

    Args:
        name: one of `FORMATS`.
        options: arguments of the adapter's class, as text or of their types, e.g. `{"channel": "song"}` for RAVDESS
            (`options.typed_options`).

    Raises:
        CorpusError: no corpus has that format, or its adapter has no such option.
    """
    corpus_class = adapter_class(name)
    return corpus_class(**typed_options(name, corpus_class, options or {}))


def adapter_class(name: str) -> type[CorpusAdapter]:
    """Return the class behind a format.

    Raises:
        CorpusError: no corpus has that format.
    """
    if name not in FORMATS:
        raise CorpusError("unknown corpus format", found=name, allowed=FORMATS)
    module, class_name = FORMATS[name].split(":")
    found: type[CorpusAdapter] = getattr(importlib.import_module(module), class_name)
    return found
