"""Finding the audio that a table names: copies differ in folders, in suffix and in the case of names."""

import os
from collections import defaultdict
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.folder import AUDIO_SUFFIXES, list_files, without_suffix


class AudioLookup:
    """The audio files below a folder, by the names tables give them.

    Args:
        root: folder that paths are relative to.
    """

    def __init__(self, root: Path) -> None:
        self._paths = list_files(root)
        self._exact = set(self._paths)
        self._stems: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self._paths, key=lambda path: AUDIO_SUFFIXES.index(PurePosixPath(path).suffix.lower())):
            self._stems[folders_and_stem(path)[-1]].append(path)
        self._used: set[str] = set()

    def __len__(self) -> int:
        return len(self._paths)

    def find(self, name: str, folder: str = "") -> str:
        """Return the path of the audio called `name`.

        A path that is there as named is taken. Otherwise suffix and case may differ, and one of the two paths may end
        in the other: the table names a file alone or with its folders on another machine, or the copy is flat.

        Args:
            name: path or file name as in a table, with or without suffix.
            folder: folder that a path in the table is relative to.

        Raises:
            ValueError: there is none, or several in different folders fit equally well.
        """
        name = name.replace("\\", "/")
        expected = PurePosixPath(folder, name).as_posix()
        found = expected if expected in self._exact else self._similar(expected) or self._similar(name)
        if found is None:
            raise ValueError(f"there is no audio file {name}")
        self._used.add(found)
        return found

    def _similar(self, name: str) -> str | None:
        wanted = folders_and_stem(name)
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
        """Return the paths that were never found, sorted; other formats of those found do not count."""
        used = {without_suffix(path) for path in self._used}
        return [path for path in self._paths if without_suffix(path) not in used]


def folders_and_stem(path: str) -> tuple[str, ...]:
    """Return folders and stem of a path with forward slashes, in lower case; only audio suffixes are cut off."""
    *folders, name = (part for part in path.lower().split("/") if part not in ("", "."))
    stem, suffix = os.path.splitext(name)
    return *folders, stem if suffix in AUDIO_SUFFIXES else name
