"""What is in a corpus folder, in an order that no file system and no locale decides."""

import os
from collections.abc import Collection
from pathlib import Path

from vibespeaker.corpora.audio_formats import AUDIO_SUFFIXES, LOSSY_SUFFIXES
from vibespeaker.corpora.text_files import normal
from vibespeaker.errors import CorpusError


def require_folder(root: Path, corpus: str) -> None:
    """Refuse a corpus root that is not a folder.

    Raises:
        CorpusError: it is missing or a file.
    """
    if not root.is_dir():
        raise CorpusError(f"{root} is not a folder", remedy=f"give the folder that holds {corpus} as it was published")


def list_files(root: Path, suffixes: Collection[str] | None = AUDIO_SUFFIXES) -> list[str]:
    """Return the files below `root` whose suffix is one of `suffixes`, whatever its case; null for all.

    Hidden files and folders are left out: archives made on macOS hold a `._name.wav` of metadata beside each file.
    Linked folders are followed, each real folder once.

    Returns:
        Paths relative to `root` with forward slashes, sorted by code point.
    """
    found: list[str] = []
    seen: set[str] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith((".", "__MACOSX")))
        relative = Path(folder).relative_to(root)
        for name in names:
            if not name.startswith(".") and _wanted(name, suffixes):
                found.append((relative / name).as_posix())
    return sorted(found)


def _wanted(name: str, suffixes: Collection[str] | None) -> bool:
    return suffixes is None or os.path.splitext(name)[1].lower() in suffixes


def without_suffix(path: str) -> str:
    """Return a relative path without the suffix of its last name, in composed form: the same on every system."""
    return normal(os.path.splitext(path)[0])


def is_lossy(path: str) -> bool:
    """Return whether a file's suffix says that its audio is not what was recorded, but sounds like it."""
    return os.path.splitext(path)[1].lower() in LOSSY_SUFFIXES


def suffix_rank(path: str) -> int:
    """Return the place of a file's suffix in `AUDIO_SUFFIXES`; other suffixes come last."""
    suffix = os.path.splitext(path)[1].lower()
    return AUDIO_SUFFIXES.index(suffix) if suffix in AUDIO_SUFFIXES else len(AUDIO_SUFFIXES)
