"""Errors of recognised texts, counted by utterance.

The word error rate (WER) is the least number of substitutions, deletions and insertions that turn the recognised words
into the reference, divided by the reference's words; the character error rate (CER) is the same of characters, blanks
between words included. Rates of several utterances are those of their sums. jiwer counts, after texts are normalised.
"""

import unicodedata
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

Normalisation = Literal["words", "none"]
Counts = npt.NDArray[np.int64]

_KINDS = ("substitutions", "deletions", "insertions", "length")
#: Columns of counts: errors and words of the reference, then errors and characters of the reference.
COLUMNS = (*_KINDS, *(f"character_{kind}" for kind in _KINDS))
_WORD_LENGTH, _CHARACTER_LENGTH = 3, 7
_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼ`´"), "'")


def normalised(text: str, normalisation: Normalisation = "words") -> str:
    """Return a text as it is compared.

    Args:
        text: as a person wrote it or a recogniser heard it.
        normalisation: `words` takes Unicode's composed form (NFKC), small letters, one kind of apostrophe, which stays
            between letters (don't), and a blank for every other mark and symbol: numbers stay as they are written.
            `none` leaves all but runs of blanks, which are one.
    """
    if normalisation == "words":
        text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).casefold()
        # casefold may decompose again
        text = unicodedata.normalize("NFKC", text)
        text = "".join(_letter_or_blank(text, at) for at in range(len(text)))
    return " ".join(text.split())


def _letter_or_blank(text: str, at: int) -> str:
    letter = text[at]
    if letter == "'" and 0 < at < len(text) - 1 and text[at - 1].isalpha() and text[at + 1].isalpha():
        return letter
    return " " if unicodedata.category(letter)[0] in "PSC" else letter


def count_errors(
    references: Sequence[str], hypotheses: Sequence[str], normalisation: Normalisation = "words"
) -> Counts:
    """Return `(N, 8)` counts of `COLUMNS` for N utterances; those of all are the sums of the rows.

    Args:
        references: what was said; a text that is empty once normalised has a length of 0, and is left out of rates.
        hypotheses: what was heard; may be empty.
        normalisation: of both, see `normalised`.
    """
    import jiwer

    counts = np.zeros((len(references), len(COLUMNS)), np.int64)
    for row, pair in enumerate(zip(references, hypotheses, strict=True)):
        reference, hypothesis = (normalised(text, normalisation) for text in pair)
        if not reference:
            continue
        for first, count in ((0, jiwer.process_words), (len(_KINDS), jiwer.process_characters)):
            found = count(reference, hypothesis)
            errors = (found.substitutions, found.deletions, found.insertions)
            counts[row, first : first + len(_KINDS)] = (*errors, found.hits + found.substitutions + found.deletions)
    return counts


def rates(counts: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    """Return `wer`, `cer`, and the shares of words that are `substitutions`, `deletions`, `insertions`.

    Args:
        counts: `(…, 8)`, sums of the rows of `count_errors`.

    Returns:
        Name → `(…)`, 0 or more, NaN where no reference has a word; more than 1 where more is heard than was said.
    """
    counts = np.asarray(counts, np.float64)
    words, characters = counts[..., _WORD_LENGTH], counts[..., _CHARACTER_LENGTH]
    with np.errstate(invalid="ignore", divide="ignore"):
        kinds = {kind: counts[..., at] / words for at, kind in enumerate(_KINDS[:_WORD_LENGTH])}
        wer = counts[..., :_WORD_LENGTH].sum(-1) / words
        cer = counts[..., _WORD_LENGTH + 1 : _CHARACTER_LENGTH].sum(-1) / characters
    found = {"wer": wer, "cer": cer, **kinds}
    return {name: np.where(np.isfinite(value), value, np.nan) for name, value in found.items()}
