"""Corpora whose file names say everything: one way to read them, whatever the folders they lie in.

A folder that says otherwise than a file's name, such as `Angry/SM20_F8_N012.wav`, is worth a remark; the name counts.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TypeVar

from vibespeaker.corpora.base import CorpusReading, Problem
from vibespeaker.corpora.copies import one_file_each
from vibespeaker.corpora.folder import list_files, require_folder
from vibespeaker.errors import CorpusError
from vibespeaker.labels import emotion_named
from vibespeaker.utterance import Utterance

Meaning = TypeVar("Meaning")


def read_named(
    root: Path,
    title: str,
    example: str,
    parse: Callable[[str], Utterance],
    name: Callable[[str], str] | None = None,
    speaker_folder: str | None = None,
) -> CorpusReading:
    """Read all audio files below `root` whose names `parse` understands.

    Args:
        root: the corpus folder, however nested.
        title: the corpus's name in messages.
        example: a path as published, for messages.
        parse: makes an utterance of a path relative to `root`. It raises ValueError, with the reason, for a name that
            is none of the corpus.
        name: the recording that a path names; null for the utterance's `take`.
        speaker_folder: pattern of folders named after a speaker, whose first group is the speaker's name.

    Raises:
        CorpusError: there is no folder, or no file of the corpus in it.
    """
    require_folder(root, title)
    parsed: dict[str, Utterance] = {}

    def recording(path: str) -> str:
        parsed[path] = utterance = parse(path)
        return name(path) if name is not None else str(utterance.take)

    chosen = one_file_each(root, list_files(root), recording)
    if not chosen.paths:
        raise CorpusError(
            f"{root} holds no {title} audio",
            found=chosen.problems[0].item if chosen.problems else "no file",
            allowed=f"names such as {example}",
        )
    utterances = [parsed[path] for path in chosen.paths.values()]
    remarks = [remark for utterance in utterances for remark in _contradictions(utterance, speaker_folder)]
    return CorpusReading(
        utterances=tuple(sorted(utterances, key=lambda utterance: utterance.utterance_id)),
        problems=tuple(sorted([*chosen.problems, *remarks])),
        warnings=tuple(chosen.warnings),
    )


def file_stem(path: str) -> str:
    """Return the name of a file without its suffix, in lower case: what identifies a recording named by it."""
    return PurePosixPath(path).stem.lower()


@lru_cache(maxsize=1024)
def folder_emotion(folder: str) -> str | None:
    """Return the emotion that a folder's name says, as in `Angry` or `OAF_Pleasant_surprise`; null for none."""
    words = re.split(r"[\W\d_]+", folder)
    named = [emotion for word in words if (emotion := emotion_named(word)) is not None]
    return emotion_named(folder) or emotion_named(" ".join(words[1:])) or (named[0] if len(named) == 1 else None)


def _contradictions(utterance: Utterance, speaker_folder: str | None) -> list[Problem]:
    """Return what folders say otherwise than a file's name."""
    remarks = []
    own = utterance.speaker.partition("/")[2]
    for folder in utterance.audio.split("/")[:-1]:
        emotion = folder_emotion(folder)
        if emotion is not None and emotion != utterance.category:
            reason = f"its folder {folder!r} says {emotion}, its name {utterance.category}: the name counts"
            remarks.append(Problem(utterance.audio, reason, dropped=False))
        match = re.fullmatch(speaker_folder, folder, re.IGNORECASE) if speaker_folder else None
        if match is not None and match[1].casefold() != own.casefold():
            reason = f"its folder {folder!r} says speaker {match[1]}, its name {own}: the name counts"
            remarks.append(Problem(utterance.audio, reason, dropped=False))
    return remarks


def meaning(field: str, code: str, codes: Mapping[str, Meaning]) -> Meaning:
    """Return what a code in a file name stands for.

    Raises:
        ValueError: it stands for nothing.
    """
    if code not in codes:
        raise ValueError(f"{field} {code!r} is none of {', '.join(codes)}")
    return codes[code]
