"""What recognisers make up where nothing or something else was said, and how it is found in what they heard.

A text that compresses better than speech does repeats itself, and one that the network finds improbable was guessed:
Radford et al. 2022 (section 4.5) decode such windows again with sampling (`decoding`). Beyond that, a phrase that is
said over and over is cut to one here, and a window that still looks made up has no text.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from vibespeaker.transcribe.base import Segment

#: The thresholds of Radford et al. 2022: bytes of a text by its compressed ones, and mean log-probability of a token.
COMPRESSION_RATIO, LOG_PROBABILITY = 2.4, -1.0
#: Words of a phrase, at most, and how often it must follow itself to be taken for a loop.
_LONGEST_PHRASE, _LEAST_REPETITIONS = 12, 3
REPEATED, COMPRESSED, IMPROBABLE = "a repeated phrase was cut", "repeats itself", "is improbable"
SAMPLED = "looked made up and was decoded again by sampling"


def compression_ratio(text: str) -> float:
    """Return the bytes of a text by those of its compressed form (zlib), 0 for an empty text; speech has below 2.4."""
    content = text.encode()
    return len(content) / len(zlib.compress(content)) if content else 0.0


def kept_words(words: Sequence[str]) -> list[int]:
    """Return which words stay when a phrase of up to 12 that follows itself at least three times stands once."""
    places = list(range(len(words)))
    at = 0
    while at < len(places):
        said = [words[place] for place in places[at:]]
        for length in range(1, _LONGEST_PHRASE + 1):
            times = 1
            while said[times * length : (times + 1) * length] == said[:length]:
                times += 1
            if times >= _LEAST_REPETITIONS:
                del places[at + length : at + times * length]
                break
        at += 1
    return places


def cut_repetitions(text: str) -> str:
    """Return a text without repetitions, see `kept_words`.

    Args:
        text: words with one blank between them.
    """
    words = text.split()
    return " ".join(words[place] for place in kept_words(words))


def cut_segments(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Return the segments of a text without repetitions, also those that go over several; empty ones are left out."""
    listed = list(segments)
    pieces = [(number, word) for number, segment in enumerate(listed) for word in segment.text.split()]
    left: dict[int, list[str]] = {}
    for place in kept_words([word for _, word in pieces]):
        number, word = pieces[place]
        left.setdefault(number, []).append(word)
    return tuple(replace(listed[number], text=" ".join(words)) for number, words in left.items())


def looks_made_up(text: str, log_probability: float) -> bool:
    """Return whether a text misses a threshold of Radford et al. 2022; see `suppressed`."""
    return log_probability < LOG_PROBABILITY or compression_ratio(text) > COMPRESSION_RATIO


def suppressed(text: str, log_probability: float) -> tuple[str, str | None]:
    """Return what is left of a window's text, and what was wrong with it; None where nothing was.

    Args:
        text: what was heard.
        log_probability: mean over its tokens, the end among them.
    """
    cut = cut_repetitions(text)
    if cut and log_probability < LOG_PROBABILITY:
        return "", IMPROBABLE
    if compression_ratio(cut) > COMPRESSION_RATIO:
        return "", COMPRESSED
    return cut, REPEATED if cut != text else None
