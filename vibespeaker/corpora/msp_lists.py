"""MSP-Podcast's lists: where a release keeps its files, consensus labels, partitions, speakers and transcripts."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vibespeaker.corpora.base import Problem
from vibespeaker.corpora.cells import clip_stem, number
from vibespeaker.corpora.folder import list_files
from vibespeaker.corpora.structured import read_json_objects
from vibespeaker.corpora.tables import open_table, read_lines, require_columns
from vibespeaker.corpora.text_files import read_text
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, MSP_LETTERS
from vibespeaker.progress import tracked

_SPLITS = {
    "train": "train",
    "development": "development",
    "validation": "development",
    "test": "test",
    "test1": "test1",
    "test2": "test2",
    "test3": "test3",
}
_GENDERS = {"male": "male", "m": "male", "female": "female", "f": "female"}
_UNKNOWN = ("", "unknown", "nan", "none")
_ATTRIBUTES = {"EmoAct": "arousal", "EmoVal": "valence", "EmoDom": "dominance"}
CONSENSUS_COLUMNS = ("EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set")


@dataclass(frozen=True)
class Consensus:
    """One clip's consensus labels; every field may be unknown."""

    category: str | None
    arousal: float | None
    valence: float | None
    dominance: float | None
    speaker: str | None
    gender: str | None
    split: str | None


@dataclass
class Speakers:
    """What `Speaker_ids.txt` says: clip → speaker, speaker → gender."""

    of_clip: dict[str, str] = field(default_factory=dict)
    gender: dict[str, str] = field(default_factory=dict)


def find_entry(folder: Path, pattern: str) -> Path | None:
    """Return the first entry of `folder`, in order of code points, whose whole name matches, whatever its case."""
    names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    return next((folder / name for name in names if re.fullmatch(pattern, name, re.IGNORECASE)), None)


def find_labels(root: Path, kind: str) -> Path | None:
    """Return a label file: CSV before JSON, in `Labels`, `labels`, `label` or the root itself.

    Args:
        root: the corpus folder.
        kind: pattern of the kind, `con[cs]ensus` (both spellings were published) or `detailed`.
    """
    folders = [entry for entry in sorted(root.iterdir()) if re.fullmatch("labels?", entry.name, re.IGNORECASE)]
    for suffix in ("csv", "json"):
        for folder in (*folders, root):
            found = find_entry(folder, rf"labels_{kind}\.{suffix}")
            if found is not None:
                return found
    return None


def read_consensus(path: Path) -> tuple[dict[str, Consensus | None], list[Problem]]:
    """Read the consensus labels by clip (file name without suffix), and the rows that could not be used.

    Returns:
        The labels, null for a clip whose row is wrong, and the problems.

    Raises:
        CorpusError: the file is no CSV or JSON, or lacks columns.
    """
    labels: dict[str, Consensus | None] = {}
    problems: list[Problem] = []
    for where, name, row, comma in _consensus_rows(path, problems):
        stem = clip_stem(name)
        if not stem or stem in labels:
            reason = f"{name} was listed before: the first row is used" if stem else "FileName is empty"
            problems.append(Problem(where, reason))
            continue
        try:
            labels[stem] = _consensus(row, comma)
        except ValueError as error:
            labels[stem] = None
            problems.append(Problem(where, f"{name}: {error}"))
    return labels, problems


def _consensus_rows(path: Path, problems: list[Problem]) -> Iterator[tuple[str, str, Mapping[str, Any], bool]]:
    """Yield place, file name, fields, and whether a comma is a decimal point; add rows that cannot be read."""
    if path.suffix.lower() == ".json":
        for name, row in read_json_objects(path):
            require_columns(path, list(row), CONSENSUS_COLUMNS)
            yield f"{path.name}:{name}", name, row, False
        return
    table = open_table(path, needed=("FileName", *CONSENSUS_COLUMNS))
    for line, row in table.rows():
        yield f"{path.name}:{line}", row["FileName"], row, table.decimal_comma
    problems += table.all_problems()


def _consensus(row: Mapping[str, Any], decimal_comma: bool) -> Consensus:
    texts = {name: "" if row[name] is None else str(row[name]).strip() for name in CONSENSUS_COLUMNS}
    letter = texts["EmoClass"]
    if letter and letter not in MSP_LETTERS:
        raise ValueError(f"EmoClass {letter!r} is none of {', '.join(MSP_LETTERS)}")
    scores = {}
    for column, name in _ATTRIBUTES.items():
        score = number(texts[column], decimal_comma)
        if score is not None and not ATTRIBUTE_MIN <= score <= ATTRIBUTE_MAX:
            raise ValueError(f"{column} {score:g} lies outside {ATTRIBUTE_MIN:g} to {ATTRIBUTE_MAX:g}")
        scores[name] = score
    return Consensus(
        category=MSP_LETTERS[letter] if letter else None,
        speaker=speaker_id(texts["SpkrID"]),
        gender=_GENDERS.get(texts["Gender"].lower()),
        split=split_name(texts["Split_Set"]),
        **scores,
    )


def split_name(text: str) -> str | None:
    """Return the manifest's name of a published split, null for none; `Validation` is the old name of Development.

    Raises:
        ValueError: no split has that name.
    """
    word = text.strip().lower().replace(" ", "").replace("_", "").replace("set", "")
    if word in _UNKNOWN:
        return None
    if word not in _SPLITS:
        raise ValueError(f"split {text!r} is none of Train, Development, Validation, Test1, Test2, Test3")
    return _SPLITS[word]


def speaker_id(text: str) -> str | None:
    """Return a speaker's number as text, null when unknown."""
    word = re.sub(r"^speaker_", "", text.strip(), flags=re.IGNORECASE)
    return None if word.lower() in _UNKNOWN else re.sub(r"\.0$", "", word)


def read_partitions(path: Path) -> tuple[dict[str, str], list[Problem]]:
    """Read `Partitions.txt`, lines such as `Test3; MSP-PODCAST_test3_0001.wav`: clip → split."""
    splits: dict[str, str] = {}
    problems = []
    for line, fields in _semicolon_lines(path):
        try:
            if len(fields) != 2 or not fields[1]:
                raise ValueError("is not of the form 'Test3; FILE.wav'")
            split = split_name(fields[0])
            if split is not None:
                splits[clip_stem(fields[1])] = split
        except ValueError as error:
            problems.append(Problem(f"{path.name}:{line}", str(error)))
    return splits, problems


def read_speakers(path: Path) -> tuple[Speakers, list[Problem]]:
    """Read `Speaker_ids.txt`: lines `Speaker_12; Male` and `MSP-PODCAST_0001_0002.wav; 12`, in any order."""
    speakers = Speakers()
    problems = []
    for line, fields in _semicolon_lines(path):
        name, values = fields[0], [value for value in fields[1:] if value]
        if re.fullmatch(r"speaker_\S+", name, re.IGNORECASE) and values:
            gender = _GENDERS.get(values[0].lower())
            if gender is not None:
                speakers.gender[speaker_id(name) or name] = gender
        elif name.lower().startswith("msp-podcast_") and values:
            known = speaker_id(values[0])
            if known is not None:
                speakers.of_clip[clip_stem(name)] = known
        else:
            problems.append(
                Problem(f"{path.name}:{line}", f"cannot be read: {'; '.join(fields)[:80]!r}", dropped=False)
            )
    return speakers, problems


def _semicolon_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    for place, line in read_lines(path):
        if line:
            yield place, [field.strip() for field in line.rstrip(";").split(";")]


def read_transcripts(folder: Path) -> dict[str, str]:
    """Read `Transcripts/<clip>.txt`, white space made single; clips whose file is empty are left out."""
    texts = {}
    paths = list_files(folder, (".txt",))
    with tracked("reading transcripts", len(paths), "files") as tracker:
        for path in paths:
            words = read_text(folder / path).content.split()
            if words:
                texts[Path(path).stem] = " ".join(words)
            tracker.advance()
    return texts
