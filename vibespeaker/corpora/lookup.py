"""Finding the audio that a table names: copies differ in folders, in suffix and in the case of names."""

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
            self._stems[_stem(path)].append(path)
        self._used: set[str] = set()

    def __len__(self) -> int:
        return len(self._paths)

    def find(self, name: str, folder: str = "") -> str:
        """Return the path of the audio called `name`.

        A path that is there as named is taken; otherwise whatever file has the name, of any folder and suffix, lossless
        formats first.

        Args:
            name: path or file name as in a table, with or without suffix.
            folder: folder that a path in the table is relative to.

        Raises:
            ValueError: there is none, or the name fits files in several folders.
        """
        name = name.replace("\\", "/")
        exact = PurePosixPath(folder, name).as_posix()
        if exact in self._exact:
            found = exact
        else:
            candidates = self._stems.get(_stem(name), [])
            within = [path for path in candidates if without_suffix(path) == without_suffix(exact)] or candidates
            if not within:
                raise ValueError(f"there is no audio file {name}")
            if len({without_suffix(path) for path in within}) > 1:
                raise ValueError(f"several audio files may be {name}: {', '.join(sorted(within)[:3])}")
            found = within[0]
        self._used.add(found)
        return found

    def unused(self) -> list[str]:
        """Return the paths that were never found, sorted; other formats of those found do not count."""
        used = {without_suffix(path) for path in self._used}
        return [path for path in self._paths if without_suffix(path) not in used]


def _stem(path: str) -> str:
    path = PurePosixPath(path).name
    stem = PurePosixPath(path)
    return (stem.stem if stem.suffix.lower() in AUDIO_SUFFIXES else path).lower()
