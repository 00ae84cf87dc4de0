"""What a path holds: a known corpus, a folder for each emotion, a table, or a manifest."""

import logging
from dataclasses import dataclass
from pathlib import Path

from vibespeaker.corpora import FORMATS, adapter
from vibespeaker.corpora.folder import list_files
from vibespeaker.corpora.table_files import TABLE_SUFFIXES, find_table
from vibespeaker.corpora.tables import open_table
from vibespeaker.errors import ConfigError, ManifestError, VibeSpeakerError
from vibespeaker.manifest import Manifest

log = logging.getLogger(__name__)

FOLDER, TABLE, MANIFEST = "folder", "table", "manifest"
#: Formats that any folder or table might be, or that hold no emotions: they are not what a path is recognised by.
_GENERAL = (FOLDER, TABLE, "vad-csv", "emotion-csv", "rttm", "textgrid", "common-voice")
#: Share of a folder's audio files that a corpus's names must fit.
_MOST = 0.5
#: Field of a table → what its column is often called, where it is not called as the field.
_OFTEN_CALLED = {
    "audio": (
        "file",
        "filename",
        "file_name",
        "path",
        "filepath",
        "audio_file",
        "audio_path",
        "wav",
        "clip",
        "recording",
    ),
    "category": ("emotion", "label", "class", "target", "emotion_class"),
    "speaker": ("speaker_id", "spk", "actor", "subject", "participant"),
    "text": ("transcript", "transcription", "sentence_text", "utterance"),
    "split": ("set", "partition", "subset"),
}


@dataclass(frozen=True)
class Source:
    """Where recordings and labels are.

    Args:
        path: a folder, or a table.
        format: of `corpora.FORMATS`, or `manifest`.
        told: how the format was found, for the log.
    """

    path: Path
    format: str
    told: str


def find_source(path: Path, format: str | None = None) -> Source:
    """Return what a path holds.

    Args:
        path: a folder, a table, or a manifest.
        format: what the user says that it is; null to find out by names of files and folders.

    Raises:
        ConfigError: nothing lies there, or nothing that is known.
        CorpusError: there is no such format.
    """
    if not path.exists():
        raise ConfigError(f"{path} does not exist", remedy="name a folder of recordings, or a table")
    if format is not None:
        adapter(format)
        return Source(path, format, f"{path} is read as {format}, as asked for")
    if path.is_file():
        return _table(path)
    for finder in (_corpus, _emotion_folders, _only_table):
        found = finder(path)
        if found is not None:
            return found
    raise ConfigError(
        f"{path} is no corpus that is known, and has no folders called as emotions",
        found=_shown(path),
        allowed=f"a folder for each emotion (angry/001.wav …), a table (CSV, Excel), or one of: {', '.join(FORMATS)}",
        remedy="say what it is with --format",
    )


def guessed_columns(source: Source) -> dict[str, str]:
    """Return field → column of a table whose columns are called otherwise, by names that are often given.

    Args:
        source: read as a table.

    Raises:
        CorpusError: there is no such table.
    """
    names = open_table(find_table(source.path, ())).columns
    lower = {name.strip().lower(): name for name in names}
    found = {}
    for field, often in _OFTEN_CALLED.items():
        called = next((lower[name] for name in often if name in lower), None)
        if field not in lower and called is not None:
            found[field] = called
    return found


def _table(path: Path) -> Source:
    if path.suffix == ".parquet":
        try:
            Manifest.read(path, ("utterance_id",))
        except ManifestError:
            pass
        else:
            return Source(path, MANIFEST, f"{path} is a manifest")
    return Source(path, TABLE, f"{path} is read as a table: a row for each recording")


def _corpus(path: Path) -> Source | None:
    """Return the published corpus that most files are named as, null where none is."""
    files = len(list_files(path))
    best = (0.0, "")
    for name in FORMATS:
        if name in _GENERAL:
            continue
        try:
            read = adapter(name).read(path)
        except (VibeSpeakerError, OSError):
            continue  # it is another corpus
        labelled = sum(bool(one.audio) and one.category is not None for one in read.utterances)
        best = max(best, (labelled / max(files, 1), name))
    share, name = best
    return Source(path, name, f"{path} is {name}, by its names of files") if share >= _MOST else None


def _emotion_folders(path: Path) -> Source | None:
    try:
        adapter(FOLDER).read(path)
    except VibeSpeakerError:
        return None
    return Source(path, FOLDER, f"{path} has a folder for each emotion")


def _only_table(path: Path) -> Source | None:
    tables = list_files(path, [suffix for suffix in TABLE_SUFFIXES if suffix != ".parquet"])
    return Source(path, TABLE, f"{path} is read by its table {tables[0]}") if len(tables) == 1 else None


def _shown(path: Path) -> str:
    names = sorted(entry.name for entry in path.iterdir())
    return ", ".join(names[:6]) + (" …" if len(names) > 6 else "") if names else "an empty folder"
