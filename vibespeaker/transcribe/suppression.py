"""What recognisers make up where nothing or something else was said, and how it is found in what they heard.

A text that compresses better than speech does repeats itself, and one that the network finds improbable was guessed:
Radford et al. 2022 (section 4.5) decode such windows again with sampling. Here nothing is sampled: a phrase
that is said over and over is cut to one, and a window that still looks made up has no text.
"""

import zlib

#: The thresholds of Radford et al. 2022: bytes of a text by its compressed ones, and mean log-probability of a token.
COMPRESSION_RATIO, LOG_PROBABILITY = 2.4, -1.0
#: Words of a phrase, at most, and how often it must follow itself to be taken for a loop.
_LONGEST_PHRASE, _LEAST_REPETITIONS = 12, 3
REPEATED, COMPRESSED, IMPROBABLE = "a repeated phrase was cut", "repeats itself", "is improbable"


def compression_ratio(text: str) -> float:
    """Return the bytes of a text by those of its compressed form (zlib), 0 for an empty text; speech has below 2.4."""
    content = text.encode()
    return len(content) / len(zlib.compress(content)) if content else 0.0


def cut_repetitions(text: str) -> str:
    """Return a text in which a phrase of up to 12 words that follows itself at least three times stands once.

    Args:
        text: words with one blank between them.
    """
    words = text.split()
    at = 0
    while at < len(words):
        for length in range(1, _LONGEST_PHRASE + 1):
            phrase, times = words[at : at + length], 1
            while words[at + times * length : at + (times + 1) * length] == phrase:
                times += 1
            if times >= _LEAST_REPETITIONS:
                del words[at + length : at + times * length]
                break
        at += 1
    return " ".join(words)


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
