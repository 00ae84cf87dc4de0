"""MELD: scenes of the series Friends, transcribed and labelled; three official splits.

The texts lie in `train_sent_emo.csv`, `dev_…` and `test_…`; their numbers repeat from split to split. The audio is
published inside MP4 films (`train_splits/dia0_utt0.mp4`), which must be extracted before: `dia0_utt0.wav` or `.flac`,
in a folder whose name holds the split. Without any audio the utterances are text only.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.base import CorpusAdapter, CorpusReading, MissingAudioError, Problem
from vibespeaker.corpora.copies import Chosen, one_file_each
from vibespeaker.corpora.folder import list_files, require_folder
from vibespeaker.corpora.named import meaning
from vibespeaker.corpora.tables import open_table
from vibespeaker.errors import CorpusError
from vibespeaker.utterance import Utterance

_TABLE = re.compile(r"(?P<split>train|dev|test)_sent_emo\.csv", re.IGNORECASE)
_MEDIA = re.compile(r"(?:(?P<split>train|dev|test)_)?(?P<name>dia\d+_utt\d+)", re.IGNORECASE)
_SPLITS = {"train": "train", "dev": "development", "test": "test"}
_COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
_EMOTIONS = {
    "anger": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "joy": "happiness",
    "neutral": "neutral",
    "sadness": "sadness",
    "surprise": "surprise",
}
_COUNTS = {
    "neutral": 6436,
    "happiness": 2308,
    "surprise": 1636,
    "anger": 1607,
    "sadness": 1002,
    "disgust": 361,
    "fear": 358,
}
#: The six who speak most; of guests the gender is not published.
_GENDERS = {
    **dict.fromkeys(("Monica", "Phoebe", "Rachel"), "female"),
    **dict.fromkeys(("Chandler", "Joey", "Ross"), "male"),
}
_MEDIA_CHOICES = ("auto", "with", "without")
_EXTRACT = "ffmpeg -i dia0_utt0.mp4 -ac 1 -ar 16000 dia0_utt0.wav"


class MELD(CorpusAdapter):
    """Multimodal EmotionLines Dataset.

    Args:
        media: `with` sound (utterances without it are left out), `without` (texts alone), or `auto`: with sound where
            the folder holds any.
    """

    name = "meld"
    label_set = "basic"
    licence = "GPL-3.0 for the annotations; the films belong to their owners"
    citation = (
        "Poria, Hazarika, Majumder, Naik, Cambria & Mihalcea (2019), MELD: A Multimodal Multi-Party Dataset for "
        "Emotion Recognition in Conversations, ACL"
    )
    expected_utterances = 13_708
    expected_categories = _COUNTS

    def __init__(self, media: str = "auto") -> None:
        if media not in _MEDIA_CHOICES:
            raise CorpusError("unknown option media of MELD", found=media, allowed=_MEDIA_CHOICES)
        self.media = media

    def read(self, root: Path) -> CorpusReading:
        """Read the tables and, where wanted and there, the sound.

        Raises:
            CorpusError: there is no table, one lacks columns, or sound is wanted and there is none.
        """
        require_folder(root, "MELD")
        tables: dict[str, str] = {}
        for path in list_files(root, (".csv",)):
            match = _TABLE.fullmatch(PurePosixPath(path).name)
            if match is not None:
                tables.setdefault(match["split"].lower(), path)
        if not tables:
            raise CorpusError(
                f"{root} holds no table of MELD", allowed="train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv"
            )
        chosen = Chosen({}, [], []) if self.media == "without" else _audio(root, tables)
        audio, problems = chosen.paths, list(chosen.problems)
        if self.media == "with" and not audio:
            raise CorpusError(f"{root} holds no sound of MELD", remedy=f"extract it from the films: {_EXTRACT}")
        utterances: dict[str, Utterance] = {}
        for split, path in tables.items():
            problems += _read_split(root, path, split, audio, utterances)
        named = {row.audio for row in utterances.values()}
        problems += [Problem(path, "no table names it") for path in audio.values() if path not in named]
        return CorpusReading(
            tuple(sorted(utterances.values(), key=lambda utterance: utterance.utterance_id)),
            tuple(sorted(problems)),
            (*chosen.warnings, *self._warnings(root, tables, bool(audio))),
        )

    def _warnings(self, root: Path, tables: Mapping[str, str], has_audio: bool) -> list[str]:
        missing = [split for split in _SPLITS if split not in tables]
        warnings = [f"no table of split {split} ({split}_sent_emo.csv)" for split in missing]
        films = len(list_files(root, (".mp4",)))
        if self.media == "auto" and not has_audio:
            hint = f"; the sound of {films:,} films can be used when extracted: {_EXTRACT}" if films else ""
            warnings.append(f"no sound: the utterances are texts alone, for text encoders{hint}")
        return warnings


def _read_split(
    root: Path, path: str, split: str, audio: Mapping[str, str], utterances: dict[str, Utterance]
) -> list[Problem]:
    """Add the rows of one table to `utterances`, by id; return what was wrong with the others."""
    table = open_table(root / path, needed=_COLUMNS, item=path)
    problems = []
    for line, row in table.rows():
        try:
            utterance = _utterance(row, split, audio)
            if utterance.utterance_id in utterances:
                raise ValueError(f"{utterance.utterance_id} was listed before: the first row is used")
            utterances[utterance.utterance_id] = utterance
        except ValueError as error:
            problems.append(Problem.of(f"{path}:{line}", error))
    return [*problems, *table.all_problems()]


def _utterance(row: Mapping[str, str], split: str, audio: Mapping[str, str]) -> Utterance:
    dialogue, number = row["Dialogue_ID"], row["Utterance_ID"]
    if not dialogue.isdecimal() or not number.isdecimal():
        raise ValueError(f"dialogue {dialogue!r} and utterance {number!r} are no numbers")
    name = f"dia{dialogue}_utt{number}"
    key = f"{split}/{name}"
    if audio and key not in audio:
        raise MissingAudioError(f"there is no sound of {key}")
    if not row["Speaker"]:
        raise ValueError(f"{key} has no speaker")
    return Utterance(
        # the same with and without sound, whatever its folder is called
        utterance_id=f"meld/{key}",
        corpus="meld",
        audio=audio.get(key, ""),
        file_name=f"{name}.mp4",
        speaker=f"meld/{row['Speaker']}",
        language="en",
        gender=_GENDERS.get(row["Speaker"]),
        split=_SPLITS[split],
        text=row["Utterance"] or None,
        text_origin="human" if row["Utterance"] else None,
        category=meaning("emotion", row["Emotion"].lower(), _EMOTIONS),
        session=f"meld/{split}/dia{dialogue}",
    )


def _audio(root: Path, tables: Mapping[str, str]) -> Chosen:
    """Return split and name, `train/dia0_utt0`, → audio path; files of other names are ignored."""
    only = next(iter(tables)) if len(tables) == 1 else ""

    def name(path: str) -> str:
        match = _media_name(path)
        assert match is not None
        split = (match["split"] or _split_of_folders(path) or only).lower()
        if not split:
            raise ValueError(f"no folder of its path names the split: {', '.join(_SPLITS)}")
        return f"{split}/{match['name'].lower()}"

    chosen = one_file_each(root, [path for path in list_files(root) if _media_name(path) is not None], name)
    contradicting = [
        Problem(path, f"its folder says split {folder}, its name another: the name counts", dropped=False)
        for key, path in chosen.paths.items()
        if (folder := _split_of_folders(path)) and folder != key.partition("/")[0]
    ]
    return replace(chosen, problems=[*chosen.problems, *contradicting])


def _media_name(path: str) -> re.Match[str] | None:
    return _MEDIA.fullmatch(PurePosixPath(path).stem)


def _split_of_folders(path: str) -> str:
    """Return the split that the nearest folder names, such as `train_splits`; empty where none does."""
    for folder in reversed(PurePosixPath(path).parts[:-1]):
        found = set(re.findall("|".join(_SPLITS), folder.lower()))
        if len(found) == 1:
            return found.pop()
    return ""
