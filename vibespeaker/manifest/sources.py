"""Where the recordings of a manifest are from: corpora with their licences, as its history tells."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

UNSTATED = "not stated"


@dataclass(frozen=True)
class Source:
    """A corpus as a manifest names it.

    Args:
        corpus: its name.
        licence: how it may be used.
        citation: what is to be cited.
    """

    corpus: str
    licence: str
    citation: str


def sources(history: Iterable[Mapping[str, Any]], corpora: Iterable[str] = ()) -> dict[str, Source]:
    """Return corpus → what a manifest's history tells of it, that of combined manifests included.

    Args:
        history: `ManifestMetadata.history`.
        corpora: names of those that are there; those that the history is silent about have nothing stated.
    """
    told: dict[str, Source] = {}
    for step in history:
        if "licence" in step:
            name = str(step.get("format", UNSTATED))
            told[name] = Source(name, str(step["licence"]), str(step.get("citation", UNSTATED)))
        for part in step.get("inputs") or ():
            if isinstance(part, Mapping):
                told |= sources(part.get("history") or ())
    for corpus in corpora:
        told.setdefault(corpus, Source(corpus, UNSTATED, UNSTATED))
    return told
