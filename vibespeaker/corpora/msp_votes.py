"""MSP-Podcast's detailed labels: what each rater said of each clip.

Three published forms give the same votes. Releases 1.6 and 2.0 have one CSV row per rater, one column per answer;
1.7 to 1.12 one CSV row per rater with all answers in one text, `EmoDetail`; every release a JSON object, clip → rater →
answers. Raters may answer with a word of their own, written `Other-…`, which can hold commas and semicolons.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vibespeaker.corpora.base import Problem
from vibespeaker.corpora.cells import clip_stem, number
from vibespeaker.corpora.structured import read_json_objects
from vibespeaker.corpora.tables import open_table, require_columns
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, OTHER
from vibespeaker.utterance import Vote

_PRIMARIES = {
    "angry": "anger",
    "sad": "sadness",
    "happy": "happiness",
    "surprise": "surprise",
    "fear": "fear",
    "disgust": "disgust",
    "contempt": "contempt",
    "neutral": "neutral",
    "other": OTHER,
}
#: Choices of the second question; given as a primary answer they were typed by hand, so they count as other.
_SECONDARIES = {"neutral", "happy", "angry", "sad", "surprise", "fear", "disgust", "contempt"} | {
    *("concerned", "frustrated", "amused", "annoyed", "excited", "disappointed", "confused", "depressed")
}
_MISSPELT = {"dissapointed": "disappointed"}

_DETAIL = re.compile(
    r"\s*(?P<rater>[^;]*?)\s*;(?P<answers>.*?);?\s*"
    r"A:(?P<arousal>[^;]*);\s*V:(?P<valence>[^;]*);\s*D:(?P<dominance>[^;]*);?\s*",
    re.DOTALL,
)


@dataclass
class Votes:
    """Votes by clip, and the rows that could not be used."""

    by_clip: dict[str, list[Vote]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(len(votes) for votes in self.by_clip.values())


def read_votes(path: Path) -> Votes:
    """Read a detailed-label file of any release.

    Args:
        path: `labels_detailed.csv` or `.json`.

    Returns:
        The votes of each clip, by file name without suffix, in the order of the file.

    Raises:
        CorpusError: the file is no CSV or JSON, or has neither set of columns.
    """
    votes = Votes()
    for where, name, answers in _answers(path, votes.problems):
        try:
            vote, remark = _vote(answers)
        except ValueError as error:
            votes.problems.append(Problem(where, str(error)))
            continue
        if remark is not None:
            votes.problems.append(Problem(where, remark, dropped=False))
        votes.by_clip.setdefault(clip_stem(name), []).append(vote)
    return votes


def _answers(path: Path, problems: list[Problem]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield the place in the file, the clip's file name, and `rater, primary, secondary, arousal, …` as published.

    Rows that cannot be read are added to `problems`.
    """
    if path.suffix.lower() == ".json":
        for name, raters in read_json_objects(path):
            for rater, row in raters.items():
                where = f"{path.name}:{name}:{rater}"
                yield where, name, _from_columns(row, rater) if isinstance(row, dict) else {"broken": row}
        return
    answered = ("EmoClass_Major", "EmoClass_Second", "EmoAct", "EmoVal", "EmoDom")
    table = open_table(path, known=("FileName", "EmoDetail", *answered))
    in_one = "EmoDetail" in table.columns
    rater = next((column for column in table.columns if column.lower().startswith("worker")), "Workers")
    require_columns(path, table.columns, ("FileName", "EmoDetail") if in_one else ("FileName", rater, *answered))
    for line, row in table.rows():
        answers = _from_detail(row["EmoDetail"]) if in_one else _from_columns(row, row[rater])
        yield f"{path.name}:{line}", row["FileName"], answers
    problems += table.all_problems()


def _from_columns(row: Mapping[str, Any], rater: str) -> Mapping[str, Any]:
    return {
        "rater": rater,
        "primary": row.get("EmoClass_Major"),
        "secondary": row.get("EmoClass_Second"),
        "arousal": row.get("EmoAct"),
        "valence": row.get("EmoVal"),
        "dominance": row.get("EmoDom"),
    }


def _from_detail(text: str) -> Mapping[str, Any]:
    """Parse `WORKER00000001; Happy; Happy,Excited; A:5.000000; V:6.000000; D:5.000000;`."""
    match = _DETAIL.fullmatch(text)
    if match is None:
        return {"broken": text}
    primary, _, secondary = (part.strip() for part in match["answers"].partition(";"))
    if primary.lower().startswith(OTHER) and ";" in secondary:
        # the free text holds semicolons: the second answer is what follows the last
        secondary = secondary.rpartition(";")[2].strip()
    if primary.lower().startswith(OTHER) and not _is_second_answer(secondary):
        secondary = ""
    return {**match.groupdict(), "primary": primary, "secondary": secondary}


def _is_second_answer(text: str) -> bool:
    return any(word in _SECONDARIES or word.startswith(OTHER) for word in _words(text))


def _words(text: str) -> Iterable[str]:
    for part in text.split(","):
        word = part.strip().lower()
        if word:
            yield _MISSPELT.get(word, word)


def _vote(answers: Mapping[str, Any]) -> tuple[Vote, str | None]:
    """Return a vote and what is odd about it.

    Raises:
        ValueError: the answers cannot be read.
    """
    if "broken" in answers:
        raise ValueError(f"cannot be read: {str(answers['broken'])[:80]!r}")
    primary, remark = _primary(str(answers["primary"] or ""))
    scores = {}
    for name in ("arousal", "valence", "dominance"):
        score = number(answers[name])
        if score is not None and not ATTRIBUTE_MIN <= score <= ATTRIBUTE_MAX:
            raise ValueError(f"{name} {score:g} lies outside {ATTRIBUTE_MIN:g} to {ATTRIBUTE_MAX:g}")
        scores[name] = score
    secondary = tuple(dict.fromkeys(_words(str(answers["secondary"] or ""))))
    return Vote(str(answers["rater"]).strip() or None, primary, secondary, **scores), remark


def _primary(text: str) -> tuple[str | None, str | None]:
    word = text.strip().lower()
    word = _MISSPELT.get(word, word)
    if not word or word == "nan":
        return None, None
    if word in _PRIMARIES:
        return _PRIMARIES[word], None
    if word.startswith(OTHER) or word in _SECONDARIES:
        return OTHER, None
    return OTHER, f"primary emotion {text.strip()[:40]!r} is none of the nine choices: counted as other"
