"""Utterances that are segments of recordings: times as annotators and diarisers write them, identifiers, overlaps."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

from vibespeaker.corpora.base import Problem
from vibespeaker.corpora.cells import number
from vibespeaker.utterance import Excerpt, Utterance

#: Seconds by which neighbours may overlap, and a segment may exceed its recording: what rounding of times makes.
TOLERANCE = 0.02


def seconds(name: str, text: str, decimal_comma: bool = False) -> float | None:
    """Return a time in seconds, or null where there is none.

    Args:
        name: what the time is called in errors.
        text: `1.5`, or hours, minutes and seconds parted by colons, `0:01.5`.
        decimal_comma: whether a comma is the decimal point.

    Raises:
        ValueError: it is no time, or negative.
    """
    if not text:
        return None
    *larger, last = text.split(":")
    try:
        parts = [number(last, decimal_comma or bool(larger))]
        parts += [float(int(part)) for part in reversed(larger)]
    except ValueError:
        parts = [None]
    if len(parts) > 3 or any(part is None or not math.isfinite(part) for part in parts):
        raise ValueError(f"{name} {text!r} is no time")
    found = sum((part or 0.0) * 60**power for power, part in enumerate(parts))
    if found < 0 or text.startswith("-"):
        raise ValueError(f"{name} {text} is negative")
    return found


def segment_bounds(
    start: float | None, end: float | None, duration: float | None = None
) -> tuple[float | None, float | None]:
    """Return start and end of a segment; both null for a whole recording.

    Args:
        start: seconds; null for the beginning.
        end: seconds; null for the end, or where a duration says it.
        duration: seconds; counts where there is a start and no end.

    Raises:
        ValueError: the segment is empty.
    """
    if start is not None and end is None and duration is not None:
        end = start + duration
    if end is not None and end <= (start or 0.0):
        raise ValueError(f"the segment ends at {end:g} s, not behind its start at {start or 0.0:g} s")
    return start, end


def stem_of(stem: str, excerpt: Excerpt) -> str:
    """Return the identifier of an excerpt within its corpus: `path#1.500-3.250`, `path#ch2#1.500-3.250`."""
    if excerpt.channel is not None:
        stem += f"#ch{excerpt.channel}"
    if excerpt.start is None and excerpt.end is None:
        return stem
    end = "end" if excerpt.end is None else f"{excerpt.end:.3f}"
    return f"{stem}#{excerpt.start or 0.0:.3f}-{end}"


def overlaps(utterances: Iterable[Utterance], places: Mapping[str, str]) -> list[Problem]:
    """Return a remark for each segment that begins before another of its recording and channel has ended.

    Args:
        utterances: of one corpus.
        places: utterance id → line that it comes from.
    """
    by_recording: dict[tuple[str, int | None], list[Utterance]] = defaultdict(list)
    for utterance in utterances:
        if utterance.audio:
            by_recording[utterance.audio, utterance.channel].append(utterance)
    remarks = []
    for found in by_recording.values():
        latest: Utterance | None = None
        for utterance in sorted(found, key=lambda one: (one.start or 0.0, one.end or math.inf, one.utterance_id)):
            if latest is not None and (utterance.start or 0.0) < (latest.end or math.inf) - TOLERANCE:
                place = places.get(latest.utterance_id, latest.utterance_id)
                reason = f"its segment of {utterance.audio} overlaps with that of {place}: both are kept"
                remarks.append(Problem(places.get(utterance.utterance_id, utterance.audio), reason, dropped=False))
            if latest is None or (utterance.end or math.inf) > (latest.end or math.inf):
                latest = utterance
    return remarks
