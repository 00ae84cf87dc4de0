"""What stands in the fields of tables: numbers, names of files, sentences, and values of typed tables as text."""

import datetime
import hashlib
import math
import re
from typing import Any

from vibespeaker.corpora.audio_formats import AUDIO_SUFFIXES, FOREIGN_SUFFIXES
from vibespeaker.corpora.text_files import normal


def number(value: object, decimal_comma: bool = False) -> float | None:
    """Return a number as published, or null when there is none (empty, NaN).

    Args:
        value: a number or its text.
        decimal_comma: whether `4,5` is four and a half.

    Raises:
        ValueError: the value is neither a number nor empty.
    """
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    pointed = text.replace(",", ".") if decimal_comma and text.count(",") == 1 and "." not in text else text
    try:
        # 1_000 is a number of Python alone
        found = float("x" if "_" in pointed else pointed)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    return None if math.isnan(found) else found


def clip_stem(name: str) -> str:
    """Return a published file name without folder and without audio suffix."""
    base = name.strip().replace("\\", "/").rpartition("/")[2]
    stem, dot, suffix = base.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in (*AUDIO_SUFFIXES, *FOREIGN_SUFFIXES) else base


def sentence_id(corpus: str, text: str) -> str:
    """Name a sentence by its words, so that utterances of the same words are found, whatever the punctuation."""
    words = " ".join(re.findall(r"\w+", text.casefold()))
    return f"{corpus}/{hashlib.sha256(words.encode()).hexdigest()[:12]}"


def as_text(value: Any) -> str:
    """Return a value of a typed table as one would type it: whole numbers without `.0`, dates in ISO 8601."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return normal(str(value).strip())
