"""The audio of a manifest's rows: the one place where a row's file, stretch and channel become samples."""

from functools import lru_cache
from pathlib import Path

from vibespeaker.audio.files import Waveform
from vibespeaker.audio.notes import Heard, hear
from vibespeaker.errors import AudioError
from vibespeaker.files import file_sha256
from vibespeaker.manifest import Manifest
from vibespeaker.utterance import Excerpt

#: Columns that say what a row sounds like.
COLUMNS = ("audio", "start", "end", "channel")


class Recordings:
    """Reads the audio of a manifest, row by row.

    It holds Arrow columns, whose pages reading processes share, and no open files.

    Args:
        manifest: with the columns `COLUMNS`.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.root = manifest.root
        self._audio, *self._bounds = (manifest.table.column(name) for name in COLUMNS)

    def excerpt(self, row: int) -> Excerpt:
        """Return what a row takes of its recording."""
        return Excerpt(*(column[row].as_py() for column in self._bounds))

    def read(self, row: int, content_sha256: str | None = None) -> Waveform:
        """Return the audio of a row, `(samples,)` at 16 kHz; see `hear`."""
        return self.hear(row, content_sha256).samples

    def hear(self, row: int, content_sha256: str | None = None) -> Heard:
        """Return the audio of a row with notes on it.

        Args:
            row: one that has audio.
            content_sha256: `audio_sha256` that the audio must still have; null to read without looking.

        Raises:
            AudioError: the file cannot be used, or its content is another.
        """
        return read_unchanged(self.root / self._audio[row].as_py(), self.excerpt(row), content_sha256)


def read_unchanged(path: Path, excerpt: Excerpt, content_sha256: str | None) -> Heard:
    """Return the audio of an excerpt, as `Recordings.hear` does."""
    heard = hear(path, excerpt)
    found = None if content_sha256 is None else excerpt.content_sha256(_hash_of(path, *_state(path)))
    if found is not None and found != content_sha256:
        raise AudioError(
            f"audio file {path} changed since the manifest was made",
            found=f"SHA-256 {found[:12]}…",
            allowed=f"{str(content_sha256)[:12]}…",
            remedy="prepare the manifest again",
        )
    return heard


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=16)
def _hash_of(path: Path, size: int, changed: int) -> str:
    """Hash a file in a certain state: that of the last few, since segments of one recording follow one another."""
    return file_sha256(path)
