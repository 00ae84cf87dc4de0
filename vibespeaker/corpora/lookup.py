"""Finding the audio that a table names.

Copies differ in folders, in suffix, in the case of names, and in how accents are encoded: composed on most systems,
decomposed in archives made on macOS.
"""

import os
from collections import defaultdict
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.audio_formats import AUDIO_SUFFIXES, FOREIGN_SUFFIXES
from vibespeaker.corpora.base import MissingAudioError
from vibespeaker.corpora.folder import list_files, suffix_rank, without_suffix
from vibespeaker.corpora.text_files import normal


class AudioLookup:
    """The files below a folder, by the names that tables give them.

    Args:
        root: folder that paths are relative to.
    """

    def __init__(self, root: Path) -> None:
        paths = list_files(root, suffixes=None)
        self._audio = [path for path in paths if suffix_rank(path) < len(AUDIO_SUFFIXES)]
        self._exact = {normal(path): path for path in paths} | {path: path for path in paths}
        self._stems: dict[str, list[str]] = defaultdict(list)
        for path in sorted(paths, key=suffix_rank):
            self._stems[folders_and_stem(path)[-1]].append(path)
        self._used: set[str] = set()

    def __len__(self) -> int:
        return len(self._audio)

    def find(self, name: str, folder: str = "") -> str:
        """Return the path of the audio called `name`.

        A path that is there as named is taken, whatever its suffix: decoding tells whether it is audio. Otherwise
        case, accents' encoding and the suffix of audio may differ, and one of the two paths may end in the other: the
        table names a file alone or with its folders on another machine, or the copy is flat.

        Args:
            name: path or file name as in a table, with or without suffix.
            folder: folder that a path in the table is relative to.

        Raises:
            MissingAudioError: there is none.
            ValueError: several in different folders fit equally well.
        """
        name = name.replace("\\", "/")
        expected = PurePosixPath(folder, name).as_posix()
        found = self._exact.get(expected) or self._exact.get(normal(expected))
        found = found or self._similar(expected) or self._similar(name)
        if found is None:
            raise MissingAudioError(f"there is no audio file {name}")
        self._used.add(found)
        return found

    def _similar(self, name: str) -> str | None:
        wanted = folders_and_stem(name)
        if not wanted:
            return None
        fitting: dict[int, list[str]] = defaultdict(list)
        for path in self._stems.get(wanted[-1], []):
            found = folders_and_stem(path)
            shared = min(len(wanted), len(found))
            if wanted[-shared:] == found[-shared:]:
                fitting[shared].append(path)
        if not fitting:
            return None
        best = fitting[max(fitting)]
        if len({without_suffix(path).lower() for path in best}) > 1:
            raise ValueError(f"several audio files may be {name}: {', '.join(sorted(best)[:3])}")
        return best[0]

    def unused(self) -> list[str]:
        """Return the audio files that were never found, sorted; other formats of those found do not count."""
        used = {without_suffix(path) for path in self._used}
        return [path for path in self._audio if without_suffix(path) not in used]


def folders_and_stem(path: str) -> tuple[str, ...]:
    """Return folders and stem in lower case and composed form; a suffix that is not of audio stays."""
    parts = [part for part in normal(path).lower().split("/") if part not in ("", ".")]
    if not parts:
        return ()
    *folders, name = parts
    stem, suffix = os.path.splitext(name)
    return *folders, stem if suffix in (*AUDIO_SUFFIXES, *FOREIGN_SUFFIXES) else name
