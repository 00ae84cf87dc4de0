"""Adapters: one file a corpus, from a folder as published to utterances."""

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from vibespeaker.corpora.base import CorpusAdapter
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
}


def adapter(name: str, options: Mapping[str, Any] | None = None) -> CorpusAdapter:
    """Return the adapter of a format.

    Args:
        name: one of `FORMATS`.
        options: arguments of the adapter's class, e.g. `{"channel": "song"}` for RAVDESS; a dotted name such as
            `columns.audio` is an entry of a mapping.

    Raises:
        CorpusError: no corpus has that format, or its adapter has no such option.
    """
    if name not in FORMATS:
        raise CorpusError("unknown corpus format", found=name, allowed=FORMATS)
    module, class_name = FORMATS[name].split(":")
    corpus_class: type[CorpusAdapter] = getattr(importlib.import_module(module), class_name)
    allowed = list(inspect.signature(corpus_class).parameters)
    given = _nested(options or {})
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        raise CorpusError(f"format {name} has no such option", found=", ".join(unknown), allowed=allowed or "none")
    return corpus_class(**given)


def _nested(options: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in options.items():
        name, dot, entry = key.partition(".")
        if dot:
            nested[name] = {**nested.get(name, {}), entry: value}
        else:
            nested[name] = value
    return nested
