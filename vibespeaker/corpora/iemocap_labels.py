"""IEMOCAP's evaluation files and transcripts: what each turn was labelled, by whom, and what was said.

A turn is a line `[start - end] NAME label [valence, activation, dominance]`, followed by what each rater said:

    [6.2901 - 8.2357]	Ses01F_impro01_F000	neu	[2.5000, 2.5000, 2.5000]
    C-E2:	Neutral;	()
    C-F1:	Neutral; Anger;	(curious)
    A-E3:	val 3; act 2; dom  2;	()

Raters E1, E2 … are listeners; F1 and M1 are the actors, judging themselves. Some raters gave categories only, others
attributes only. Attributes are whole numbers from 1 to 5, their means in the turn's line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from vibespeaker.corpora.base import Problem
from vibespeaker.corpora.tables import read_lines
from vibespeaker.labels import ATTRIBUTES, NO_AGREEMENT, OTHER, rescale
from vibespeaker.utterance import Vote

SCALE = (1.0, 5.0)
LABELS = {
    "neu": "neutral",
    "ang": "anger",
    "sad": "sadness",
    "hap": "happiness",
    "exc": "excitement",
    "fru": "frustration",
    "fea": "fear",
    "sur": "surprise",
    "dis": "disgust",
    "oth": OTHER,
    "xxx": NO_AGREEMENT,
}
_ANSWERS = {
    "neutral": "neutral",
    "neutral state": "neutral",
    "anger": "anger",
    "sadness": "sadness",
    "happiness": "happiness",
    "excited": "excitement",
    "frustration": "frustration",
    "fear": "fear",
    "surprise": "surprise",
    "surprised": "surprise",
    "disgust": "disgust",
    "other": OTHER,
}
_NUMBER = r"-?\d+(?:\.\d*)?"
_TURN = re.compile(
    rf"\[\s*{_NUMBER}\s*-\s*{_NUMBER}\s*\]\s+(?P<name>\S+)\s+(?P<label>\S+)\s+"
    rf"\[\s*(?P<valence>{_NUMBER})\s*,\s*(?P<arousal>{_NUMBER})\s*,\s*(?P<dominance>{_NUMBER})\s*\]"
)
_RATING = re.compile(r"(?P<kind>[AC])-(?P<rater>[EFM]\d+):\s*(?P<answer>[^(]*)")
_ATTRIBUTE = re.compile(rf"(?P<name>val|act|dom)\s*(?P<value>{_NUMBER})?\s*$")
_NAMES = {"val": "valence", "act": "arousal", "dom": "dominance"}
_TRANSCRIPT = re.compile(r"(?P<name>Ses\w+)\s*\[[^\]]*\]\s*:?\s*(?P<text>.*)", re.IGNORECASE)


@dataclass
class Turn:
    """One labelled turn, attributes on 1–7.

    Args:
        category: the majority's.
        valence: mean of the raters.
        arousal: mean of the raters (activation, as published).
        dominance: mean of the raters.
        votes: rater → all that the rater said, in the order of the file.
    """

    category: str
    valence: float
    arousal: float
    dominance: float
    votes: dict[str, Vote] = field(default_factory=dict)


def read_evaluations(path: Path, item: str, self_reports: bool) -> tuple[dict[str, Turn], list[Problem]]:
    """Read one dialogue's evaluation file.

    Args:
        path: `EmoEvaluation/Ses01F_impro01.txt`.
        item: its name in problems.
        self_reports: whether the actors' judgements of themselves count as votes.

    Returns:
        The turns by name, and the lines that could not be used.

    Raises:
        CorpusError: the file cannot be read.
    """
    turns: dict[str, Turn] = {}
    problems = []
    current: Turn | None = None
    for number, line in read_lines(path):
        try:
            if line.startswith("["):
                # whatever follows a broken line belongs to no turn
                current = None
                name, turn = _turn(line)
                if name in turns:
                    raise ValueError(f"turn {name} was listed before: the first is used")
                current = turns[name] = turn
            elif line.startswith(("A-", "C-")) and current is not None:
                remark = _add_rating(current, line, self_reports)
                if remark is not None:
                    problems.append(Problem(f"{item}:{number}", remark, dropped=False))
        except ValueError as error:
            problems.append(Problem(f"{item}:{number}", str(error)))
    return turns, problems


def read_transcripts(path: Path) -> Iterator[tuple[str, str]]:
    """Yield turn and text of one dialogue's transcripts, `Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.`.

    Raises:
        CorpusError: the file cannot be read.
    """
    for _, line in read_lines(path):
        match = _TRANSCRIPT.fullmatch(line)
        if match is not None and match["text"].strip():
            yield match["name"], " ".join(match["text"].split())


def _turn(line: str) -> tuple[str, Turn]:
    match = _TURN.match(line)
    if match is None:
        raise ValueError(f"is no turn such as '[6.2 - 8.2] NAME neu [2.5, 2.5, 2.5]': {line[:60]!r}")
    if match["label"] not in LABELS:
        raise ValueError(f"turn {match['name']}: label {match['label']!r} is none of {', '.join(LABELS)}")
    try:
        scores = {name: rescale(float(match[name]), *SCALE) for name in _NAMES.values()}
    except ValueError as error:
        raise ValueError(f"turn {match['name']}: {error}") from None
    return match["name"], Turn(LABELS[match["label"]], scores["valence"], scores["arousal"], scores["dominance"])


def _add_rating(turn: Turn, line: str, self_reports: bool) -> str | None:
    """Add a rater's answer to the turn's votes; return what is odd about it.

    Raises:
        ValueError: the answer cannot be read.
    """
    match = _RATING.match(line)
    if match is None:
        raise ValueError(f"is no rating such as 'C-E2: Neutral; ()': {line[:60]!r}")
    rater = match["rater"]
    if not rater.startswith("E") and not self_reports:
        return None
    parts = [part.strip().lower() for part in match["answer"].split(";") if part.strip()]
    known = turn.votes.get(rater, Vote(rater))
    if match["kind"] == "A":
        scores = _scores(parts)
        arousal, valence, dominance = (scores.get(name) for name in ATTRIBUTES)
        turn.votes[rater] = replace(known, arousal=arousal, valence=valence, dominance=dominance)
        return None
    if not parts:
        return None
    unforeseen = [part for part in parts if part not in _ANSWERS]
    primary = _ANSWERS.get(parts[0], OTHER)
    turn.votes[rater] = replace(known, primary=primary, secondary=tuple(dict.fromkeys(parts[1:])))
    return f"rater {rater}: {unforeseen[0]!r} is none of the ten choices: counted as other" if unforeseen else None


def _scores(parts: list[str]) -> dict[str, float]:
    scores = {}
    for part in parts:
        match = _ATTRIBUTE.match(part)
        if match is None:
            raise ValueError(f"{part!r} is no attribute such as 'val 3'")
        # a rater may have left one out
        if match["value"] is not None:
            scores[_NAMES[match["name"]]] = rescale(float(match["value"]), *SCALE)
    return scores
