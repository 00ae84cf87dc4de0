"""TF-IDF of words and of characters: a text as few numbers out of a learned vocabulary.

Terms are runs of words (letters and digits, or one mark of punctuation) and, within the words that blanks part, runs of
characters with one blank at both ends. A term that occurs n times in a text counts (1 + ln n) · idf, with
idf = ln((1 + texts) / (1 + texts that have it)) + 1, and the terms of each kind are scaled to length 1: what
scikit-learn's `TfidfVectorizer` gives with `sublinear_tf`, for each kind by itself (tests compare them).
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_TOKEN = re.compile(r"\w+|[^\w\s]")
#: What the terms of each kind begin with in a vocabulary.
WORDS, CHARACTERS = "w:", "c:"
#: Characters of a text that are read; nobody speaks more within one utterance.
_MOST = 20_000


@dataclass(frozen=True)
class TermRange:
    """Which runs are terms.

    Args:
        words: fewest and most words of a run.
        characters: fewest and most characters of a run.
    """

    words: tuple[int, int] = (1, 2)
    characters: tuple[int, int] = (2, 4)


def terms(text: str, ranges: TermRange) -> Iterator[str]:
    """Yield the terms of a text, as often as they occur, marked with their kind."""
    plain = unicodedata.normalize("NFC", text[:_MOST]).lower()
    tokens = _TOKEN.findall(plain)
    least, most = ranges.words
    for length in range(least, most + 1):
        for start in range(len(tokens) - length + 1):
            yield WORDS + " ".join(tokens[start : start + length])
    least, most = ranges.characters
    for word in plain.split():
        padded = f" {word} "
        for length in range(least, most + 1):
            for start in range(max(1, len(padded) - length + 1)):
                yield CHARACTERS + padded[start : start + length]
            if len(padded) <= length:
                break  # longer runs would be the same again


def weighted_terms(
    text: str, ranges: TermRange, places: Mapping[str, int], idf: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the terms of a text that a vocabulary has, and what they count.

    Args:
        text: any.
        ranges: which runs are terms.
        places: term → its place in the vocabulary.
        idf: `(F,)`, of each place.

    Returns:
        Places `(T,)` and values `(T,)`, those of each kind of length 1; none for a text without a known term.
    """
    counts = Counter(term for term in terms(text, ranges) if term in places)
    found = np.array([places[term] for term in counts], np.int64)
    values = (1 + np.log(np.array([*counts.values()], np.float64))) * idf[found] if len(found) else np.zeros(0)
    of_words = np.array([term.startswith(WORDS) for term in counts], np.bool_)
    for kind in (of_words, ~of_words):
        length = float(np.sqrt((values[kind] ** 2).sum()))
        if length > 0:
            values[kind] /= length
    return found, values


def learn_vocabulary(
    texts: Sequence[str], ranges: TermRange, least_texts: int
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Return the terms that at least `least_texts` of the texts have, sorted, and the idf of each."""
    having: Counter[str] = Counter()
    for text in texts:
        having.update(set(terms(text, ranges)))
    kept = sorted(term for term, count in having.items() if count >= least_texts)
    counts = np.array([having[term] for term in kept], np.float64)
    return kept, np.log((1 + len(texts)) / (1 + counts)) + 1
