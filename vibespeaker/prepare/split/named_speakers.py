"""Splits whose speakers are named, such as "actors 17 to 24 are test"; the others are split by shares."""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vibespeaker.config_files.yaml_text import read_mapping
from vibespeaker.errors import ManifestError
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.split.groups import assign_groups, belonging_together, category_codes, group_counts
from vibespeaker.prepare.split.strategies import DEFAULT_FRACTIONS, require_shares
from vibespeaker.utterance import SPLITS, own_name

log = logging.getLogger(__name__)

#: Split → speakers: one, several with commas between them, ranges of numbers such as 17-24, or a list of these.
SpeakerNames = Mapping[str, str | int | Sequence[str | int]]

_RANGE = re.compile(r"(?:(?P<corpus>.+)/)?(?P<first>\d+)\s*[-–]\s*(?P<last>\d+)")
_SHOWN = 8


def split_by_names(
    manifest: Manifest, named: SpeakerNames, fractions: Mapping[str, float] | None = None, seed: int = 0
) -> Manifest:
    """Give the named speakers to their splits and the others, in whole groups, by shares.

    An unnamed speaker who shares a recording with a named one goes to that one's split.

    Args:
        manifest: its own splits are overwritten.
        named: split → speakers as the corpus calls them, with the corpus before them where two corpora have one of that
            name (`ravdess/17`).
        fractions: split → share of the utterances of unnamed speakers; by default the usual shares of those splits
            that are not named.
        seed: of the choice among unnamed speakers.

    Raises:
        ManifestError: an unknown split or speaker, one that is named for two splits, or nowhere for unnamed ones.
    """
    unknown = sorted(set(named) - set(SPLITS))
    if unknown:
        raise ManifestError("unknown split", found=unknown, allowed=SPLITS)
    speakers = _Speakers(manifest)
    split_of: dict[str, str] = {}
    for split, words in named.items():
        for speaker in speakers.find(words):
            if split_of.setdefault(speaker, split) != split:
                raise ManifestError(f"speaker {speaker} is named for two splits", found=f"{split_of[speaker]}, {split}")
    names = np.array([split_of.get(speaker) for speaker in manifest.column("speaker")], dtype=object)
    groups = belonging_together(manifest)
    for row in np.flatnonzero(names != None)[::-1]:  # noqa: E711
        joined = (groups == groups[row]) & (names == None)  # noqa: E711
        names[joined] = names[row]
    rest = np.flatnonzero(names == None)  # noqa: E711
    if len(rest):
        shares = _shares(named, fractions)
        own = np.unique(groups[rest], return_inverse=True)[1]
        counts = group_counts(own, category_codes(manifest)[rest])
        names[rest] = np.array(list(shares))[assign_groups(counts, list(shares.values()), seed)[own]]
    step = {"step": "split", "by": "named speakers", "speakers": _listed(split_of), "seed": seed}
    return manifest.with_columns({"split": names.tolist()}, step)


def read_speakers(path: Path) -> dict[str, str | int | list[str | int]]:
    """Read split → speakers from a YAML or JSON file.

    Raises:
        ConfigError: the file cannot be read as a mapping.
        ManifestError: it maps something else.
    """
    read = read_mapping(path)
    if not all(
        isinstance(word, (str, int))
        for words in read.values()
        for word in (words if isinstance(words, list) else [words])
    ):
        raise ManifestError(f"{path} must map splits to speakers", allowed="e.g. test: [17, 18, 20-24]")
    return read


def _shares(named: SpeakerNames, fractions: Mapping[str, float] | None) -> Mapping[str, float]:
    if fractions is not None:
        require_shares(fractions)
        return fractions
    left = {split: share for split, share in DEFAULT_FRACTIONS.items() if split not in named}
    if not left:
        raise ManifestError(
            "speakers are named for train, development and test, and some speakers for none",
            remedy="name them, or say where the others go, e.g. --fractions.train 1",
        )
    return {split: share / sum(left.values()) for split, share in left.items()}


def _listed(split_of: Mapping[str, str]) -> dict[str, list[str]]:
    return {split: sorted(s for s, own in split_of.items() if own == split) for split in sorted(set(split_of.values()))}


class _Speakers:
    """The speakers of a manifest, by the names that users give them."""

    def __init__(self, manifest: Manifest) -> None:
        pairs = sorted(set(zip(manifest.column("corpus"), manifest.column("speaker"), strict=True)))
        self._known = [(corpus, own_name(speaker, corpus), speaker) for corpus, speaker in pairs]

    def find(self, words: str | int | Sequence[str | int]) -> list[str]:
        """Return the `speaker` values that the words name."""
        listed = [words] if isinstance(words, (str, int)) else words
        return [
            one for word in listed for part in str(word).split(",") if part.strip() for one in self._one(part.strip())
        ]

    def _one(self, word: str) -> list[str]:
        exact = {(corpus, speaker) for corpus, own, speaker in self._known if word in (own, speaker)}
        alike = {(corpus, speaker) for corpus, speaker in self._in_range(word) if corpus not in dict(exact)}
        # a name that looks like a range is a name where there is one
        matches = sorted(exact if _RANGE.fullmatch(word) and exact else exact | alike)
        corpora = sorted({corpus for corpus, _ in matches})
        if len(corpora) > 1:
            raise ManifestError(
                f"speaker {word} is in several corpora",
                found=", ".join(corpora),
                remedy=f"put the corpus before it, e.g. {corpora[0]}/{word}",
            )
        found = [speaker for _, speaker in matches]
        if not found:
            names = [speaker for _, _, speaker in self._known]
            shown = ", ".join(names[:_SHOWN]) + (f" … ({len(names)} in all)" if len(names) > _SHOWN else "")
            raise ManifestError(f"the manifest has no speaker {word}", allowed=shown)
        return found

    def _in_range(self, word: str) -> list[tuple[str, str]]:
        """Return corpus and `speaker` of those whose number is in a range, or, of one number, equal to it."""
        span = _RANGE.fullmatch(word) or _RANGE.fullmatch(f"{word}-{word.rpartition('/')[2]}")
        if span is None:
            return []
        first, last = int(span["first"]), int(span["last"])
        inside = [
            (corpus, speaker)
            for corpus, own, speaker in self._known
            if own.isdecimal() and first <= int(own) <= last and span["corpus"] in (None, corpus)
        ]
        if inside and len(inside) < last - first + 1:
            log.info("%s names %d speakers, of which %d are here", word, last - first + 1, len(inside))
        return inside
