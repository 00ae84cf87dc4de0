"""Which utterances of a corpus can be used, by what was found of their audio."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vibespeaker.audio.files import AudioFacts
from vibespeaker.corpora.base import CorpusReading, Problem
from vibespeaker.corpora.segments import TOLERANCE, overlaps
from vibespeaker.errors import printable
from vibespeaker.prepare.split.groups import connected
from vibespeaker.utterance import WHOLE, Utterance


def usable_rows(
    reading: CorpusReading, facts: Sequence[AudioFacts], min_duration: float
) -> tuple[list[tuple[Utterance, AudioFacts]], list[Problem]]:
    """Separate usable utterances from the others; equal audio is kept, reported, and made one take.

    Args:
        reading: what an adapter found.
        facts: of each utterance's audio.
        min_duration: shorter audio is dropped, in seconds.

    Returns:
        The usable utterances with their facts, and all problems, sorted.
    """
    usable = []
    problems = list(reading.problems)
    first_with: dict[str, Utterance] = {}
    for utterance, fact in zip(reading.utterances, facts, strict=True):
        reason = fact.problem or _exceeding(utterance, fact)
        if not utterance.audio and not utterance.text:
            reason = "it has neither audio nor text"
        # of a segment its line tells more than its file
        item = reading.places.get(utterance.utterance_id) if utterance.excerpt != WHOLE else None
        item = item or (utterance.audio if utterance.channel is None else "") or utterance.utterance_id
        if printable(utterance.audio) != utterance.audio:
            reason = "its name holds control characters or is no UTF-8: rename the file"
        if fact.duration is not None and fact.duration < min_duration:
            reason = f"it lasts {fact.duration:.3f} s, less than {min_duration:g} s"
        if reason is not None:
            problems.append(Problem(item, reason))
            continue
        problems.extend(Problem(item, remark, dropped=False) for remark in fact.remarks)
        first = utterance if fact.sha256 is None else first_with.setdefault(fact.sha256, utterance)
        if first is not utterance:
            problems.append(Problem(item, f"the same audio as {first.audio}", dropped=False))
        usable.append((utterance, fact))
    problems += overlaps((utterance for utterance, _ in usable), reading.places)
    return _with_shared_takes(usable), sorted(problems)


def _exceeding(utterance: Utterance, fact: AudioFacts) -> str | None:
    """Return what is wrong with a segment that ends behind its recording."""
    begin = utterance.start or 0.0
    if fact.duration is None or utterance.end is None or utterance.end <= begin + fact.duration + TOLERANCE:
        return None
    return f"the segment ends at {utterance.end:g} s, {utterance.audio} at {begin + fact.duration:g} s"


def _with_shared_takes(usable: list[tuple[Utterance, AudioFacts]]) -> list[tuple[Utterance, AudioFacts]]:
    """Give utterances with identical audio one take, and with them all that shared a take with one of them."""
    hashes = [fact.sha256 for _, fact in usable]
    times = Counter(digest for digest in hashes if digest is not None)
    names = [utterance.take or utterance.utterance_id for utterance, _ in usable]
    groups = connected([np.array(names, dtype=object), np.array(hashes, dtype=object)]).tolist()
    first: dict[int, str] = {}
    for group, name in zip(groups, names, strict=True):
        first[group] = min(name, first.get(group, name))
    takes = [
        first[group] if utterance.take or times[fact.sha256 or ""] > 1 else None
        for group, (utterance, fact) in zip(groups, usable, strict=True)
    ]
    return [
        (utterance if utterance.take == take else replace(utterance, take=take), fact)
        for take, (utterance, fact) in zip(takes, usable, strict=True)
    ]
