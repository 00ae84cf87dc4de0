"""Copies within a corpus folder: archives in circulation hold the whole corpus twice, or once more in another format.

Where names identify recordings, the first file of a name is used, lossless before lossy, and the others are counted by
folder. Copies of the same bytes under the same name in corpora whose names say nothing are found when the audio is
read (`prepare`).
"""

import filecmp
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.base import Problem
from vibespeaker.corpora.folder import is_lossy


@dataclass(frozen=True)
class Chosen:
    """One file for each recording.

    Args:
        paths: recording → path relative to the root, in order of path.
        problems: files whose names mean nothing.
        warnings: one for each folder that holds further copies.
    """

    paths: dict[str, str]
    problems: list[Problem]
    warnings: list[str]


def one_file_each(root: Path, paths: Iterable[str], name: Callable[[str], str]) -> Chosen:
    """Choose one file of each recording: lossless before lossy, then the one in the fewest folders.

    Args:
        root: folder that paths are relative to.
        paths: audio files.
        name: the recording that a path names. It raises ValueError, with the reason, where it names none.
    """
    kept: dict[str, str] = {}
    problems = []
    copies: dict[str, list[str]] = defaultdict(list)
    others: dict[str, list[str]] = defaultdict(list)
    for path in sorted(paths, key=_preference):
        try:
            first = kept.setdefault(name(require_text(path)), path)
        except ValueError as error:
            problems.append(Problem(path.encode(errors="surrogateescape").decode(errors="replace"), str(error)))
            continue
        if first != path:
            another_format = Path(path).suffix.lower() != Path(first).suffix.lower()
            alike = another_format or filecmp.cmp(root / path, root / first, shallow=False)
            (copies if alike else others)[str(PurePosixPath(path).parent)].append(path)
    return Chosen(
        dict(sorted(kept.items(), key=lambda entry: entry[1])),
        sorted(problems),
        [*copy_warnings(copies), *copy_warnings(others, ", whose names are used but whose bytes differ")],
    )


def _preference(path: str) -> tuple[bool, int, str]:
    return is_lossy(path), path.count("/"), path


def copy_warnings(by_folder: dict[str, list[str]], how: str = " as further copies") -> list[str]:
    """Return one sentence for each folder of which files were left out."""
    return [
        f"{len(paths):,} files of folder {folder} left out{how}, the first {min(paths)}"
        for folder, paths in sorted(by_folder.items())
    ]


def require_text(path: str) -> str:
    """Return a path whose name some table can hold.

    Raises:
        ValueError: the file system's encoding cannot decode it.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        raise ValueError("its name is no UTF-8") from None
    return path
