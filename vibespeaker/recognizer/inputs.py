"""What a command line names → the recordings to answer: files, folders, patterns, a pipe, a table, a manifest."""

import glob
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from vibespeaker.audio.files import count_channels
from vibespeaker.audio.opening import MAX_BYTES
from vibespeaker.corpora.audio_formats import AUDIO_SUFFIXES, FOREIGN_SUFFIXES
from vibespeaker.corpora.folder import list_files
from vibespeaker.corpora.segments import seconds, segment_bounds
from vibespeaker.corpora.tables import open_table
from vibespeaker.errors import AudioError, ConfigError, CorpusError
from vibespeaker.recognizer.long import unusable
from vibespeaker.recognizer.recorded import Recorded, Turn, recorded
from vibespeaker.recognizer.results import Recognition
from vibespeaker.utterance import WHOLE, Channels, Excerpt

#: What stands for the standard input.
PIPE = "-"
#: Columns of a table that may name the recording, the first that is there.
FILE_COLUMNS = ("file", "audio", "path", "filename", "file_name", "audio_file", "audio_path", "wav")
_TIMES = ("start", "end", "channel", "text")
_NOTHING = np.zeros(0, np.float32)


@dataclass(frozen=True)
class Asked:
    """A recording that is to be answered.

    Args:
        file: path, or `-`.
        excerpt: what is heard of it.
        text: the transcript where it is known.
        extra: further columns of its row.
        row: of a manifest; null otherwise.
    """

    file: str
    excerpt: Excerpt = WHOLE
    text: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    row: int | None = None


def asked_files(files: Sequence[str]) -> list[Asked]:
    """Return the recordings that words name, in order, none twice.

    Args:
        files: paths of files, of folders (all audio below them), patterns such as `calls/*.wav`, or `-`.

    Raises:
        AudioError: a folder holds no audio, or a pattern matches none.
        ConfigError: the pipe is named with others.
    """
    names = list(dict.fromkeys(name for word in files for name in _named(word)))
    if PIPE in names and len(names) > 1:
        raise ConfigError("a pipe is heard alone", found=", ".join(names[:5]), remedy="give - as the only file")
    return [Asked(name) for name in names]


def _named(word: str) -> list[str]:
    path = Path(word)
    if word == PIPE or path.is_file():
        return [word]
    if path.is_dir():
        found = [str(path / name) for name in list_files(path, (*AUDIO_SUFFIXES, *FOREIGN_SUFFIXES))]
        if not found:
            raise AudioError(f"folder {path} holds no audio file", allowed=", ".join(AUDIO_SUFFIXES))
        return found
    if glob.has_magic(word):
        found = sorted(name for name in glob.glob(word, recursive=True) if os.path.isfile(name))
        if not found:
            raise AudioError(f"no file matches {word}")
        return found
    return [word]


def asked_table(path: Path) -> list[Asked]:
    """Return the recordings that a table lists, a row each; its further columns are kept.

    Args:
        path: with a column of `FILE_COLUMNS`, relative to the table's folder or to the working folder; `start`, `end`
            (seconds), `channel` and `text` say what is heard.

    Raises:
        CorpusError: it cannot be read, or names no recordings.
    """
    table = open_table(path, (*FILE_COLUMNS, *_TIMES))
    column = next((name for name in FILE_COLUMNS if name in table.columns), None)
    if column is None:
        raise CorpusError(
            f"{path} has no column of recordings", found=", ".join(table.columns), allowed=", ".join(FILE_COLUMNS)
        )
    asked = []
    for line, row in table.rows():
        try:
            asked.append(_of_row(path, row, column))
        except ValueError as error:
            raise CorpusError(f"{path}, line {line}: {error}") from error
    problems = [problem for problem in table.all_problems() if problem.dropped]
    if problems:
        raise CorpusError(f"{path} has rows that cannot be read", found=f"{problems[0].item}: {problems[0].reason}")
    if not asked:
        raise CorpusError(f"{path} lists no recording")
    return asked


def _of_row(table: Path, row: Mapping[str, str], column: str) -> Asked:
    """Read a row.

    Raises:
        ValueError: its times or its channel mean nothing, or it names no recording.
    """
    name = row[column]
    if not name:
        raise ValueError(f"column {column} is empty")
    beside = table.parent / name
    start, end = segment_bounds(seconds("start", row.get("start", "")), seconds("end", row.get("end", "")))
    channel = row.get("channel", "")
    if channel and not (channel.isdecimal() and int(channel) > 0):
        raise ValueError(f"channel {channel!r} is none of 1, 2, …")
    kept = {key: value or None for key, value in row.items() if key not in (column, *_TIMES)}
    return Asked(
        str(beside if beside.exists() or not Path(name).exists() else name),
        Excerpt(start, end, int(channel) if channel else None),
        row.get("text") or None,
        kept,
    )


def asked_manifest(path: Path) -> list[Asked]:
    """Return the recordings of a manifest, with its utterance ids.

    Raises:
        ManifestError: it is no manifest.
        AudioError: its utterances are texts alone.
    """
    from vibespeaker.manifest import Manifest

    read = Manifest.read(path)
    columns = {name: read.column(name) for name in ("audio", "start", "end", "channel", "text", "utterance_id")}
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    if not any(row["audio"] for row in rows):
        raise AudioError(f"the utterances of {path} are texts alone: there is nothing to hear")
    return [
        Asked(
            str(read.root / row["audio"]),
            Excerpt(row["start"], row["end"], row["channel"]),
            row["text"],
            {"utterance_id": row["utterance_id"]},
            number,
        )
        for number, row in enumerate(rows)
        if row["audio"]
    ]


def by_channel(asked: Sequence[Asked], wanted: Channels) -> list[Asked]:
    """Return every recording for each channel that is heard."""
    if not wanted.are_all:
        return [replace(one, excerpt=wanted.excerpts(one.excerpt, 1)[0]) for one in asked]
    return [
        replace(one, excerpt=excerpt)
        for one in asked
        for excerpt in wanted.excerpts(one.excerpt, 1 if one.file == PIPE else count_channels(Path(one.file)))
    ]


def heard_of(asked: Sequence[Asked], turns: Mapping[int | None, Sequence[Turn]]) -> Iterator[Recorded | Recognition]:
    """Read recordings one after the other; what cannot be read is an answer that says why.

    Args:
        asked: what is to be read.
        turns: channel → its turns; null for turns of all channels. Without any, recordings have none.
    """
    for one in asked:
        own = turns.get(one.excerpt.channel, turns.get(None, ()))
        try:
            sound = read_pipe(sys.stdin.buffer) if one.file == PIPE else one.file
            yield replace(recorded(sound, excerpt=one.excerpt), file=one.file, text=one.text, turns=own)
        except AudioError as error:
            missing = Recorded(_NOTHING, (), one.file, one.excerpt.start or 0.0, one.excerpt.end, one.excerpt.channel)
            yield unusable(missing, str(error))


def read_pipe(stream: BinaryIO) -> bytes:
    """Read a file that comes through a pipe.

    Raises:
        AudioError: it is empty or too large.
    """
    content = stream.read(MAX_BYTES + 1)
    if not content:
        raise AudioError("nothing came through the pipe", remedy="cat FILE | vibespeaker recognize -")
    if len(content) > MAX_BYTES:
        raise AudioError("what came through the pipe is too large", allowed=f"{MAX_BYTES >> 30} GiB")
    return content
