"""Adapters: one file a corpus, from a folder as published to utterances."""

import importlib

from vibespeaker.corpora.base import CorpusAdapter
from vibespeaker.errors import CorpusError

#: FORMAT of `vibespeaker prepare` → (module:class).
FORMATS = {
    "msp-podcast": "vibespeaker.corpora.msp_podcast:MSPPodcast",
    "ravdess": "vibespeaker.corpora.ravdess:RAVDESS",
    "emodb": "vibespeaker.corpora.emodb:EmoDB",
}


def adapter(name: str) -> CorpusAdapter:
    """Return the adapter of a format.

    Raises:
        CorpusError: no corpus has that format.
    """
    if name not in FORMATS:
        raise CorpusError("unknown corpus format", found=name, allowed=FORMATS)
    module, class_name = FORMATS[name].split(":")
    corpus: CorpusAdapter = getattr(importlib.import_module(module), class_name)()
    return corpus
