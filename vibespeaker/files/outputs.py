"""Where a command may write: checked before its work begins, so that nothing is lost and no work is in vain.

An output must be a file that can be made, with a suffix that its format has, and must be none of the command's inputs.
What a table or an option names becomes one file or folder below the folder that was asked for, and never leaves it.
"""

import errno
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, get_args

from vibespeaker.errors import ConfigError, VibeSpeakerError
from vibespeaker.files import remove_leftovers

#: Files of pictures: lines for the web and for print, or dots.
Format = Literal["svg", "png", "pdf"]
FORMATS: tuple[Format, ...] = get_args(Format)

#: What a file system takes for the name of a file.
LONGEST_NAME = 255
#: Letters that `plain_name` keeps.
_LONGEST_PLAIN = 100
_REMEDY = "name another file"


def check_output(
    path: Path,
    *,
    inputs: Iterable[Path | None] = (),
    suffixes: Sequence[str] = (),
    option: str = "--out",
) -> None:
    """Check that a command may write a file, and remove what killed processes left beside it.

    Args:
        path: the file to write.
        inputs: files and folders that the command reads and must not write to. A file of the same kind that may be
            replaced in place, such as the manifest of `split`, is left out by the caller.
        suffixes: allowed, e.g. `.parquet`; any without.
        option: what errors call it.

    Raises:
        ConfigError: it is a folder or a device, has another suffix, cannot be made, or is an input.
    """
    if path.name:
        check_name(path.name, option)
    if path.is_dir():
        raise ConfigError(f"{option} is a folder", found=path, remedy="name a file in it")
    if suffixes and path.suffix not in suffixes:
        found = path.suffix or "none"
        raise ConfigError(f"{option} {path} has no suffix of what is written there", found=found, allowed=suffixes)
    if path.exists() and not path.is_file():
        raise ConfigError(f"{option} is no regular file", found=path, remedy=_REMEDY)
    _check_writable(path.parent, f"{option} {path}")
    for one in inputs:
        if one is None:
            continue
        if is_same(path, one):
            raise ConfigError(f"{option} is a file that the command reads: {one}", found=path, remedy=_REMEDY)
        if one.is_dir() and path.exists() and _is_within(path, one):
            raise ConfigError(f"{option} is in {one}, which the command reads", found=path, remedy=_REMEDY)
    remove_leftovers(path.parent)


def check_folder(
    path: Path,
    *,
    inputs: Iterable[Path | None] = (),
    names: Iterable[str] = (),
    option: str = "--out",
    kind: type[VibeSpeakerError] = ConfigError,
) -> None:
    """Check that a command may write files into a folder, and remove what killed processes left in it.

    Args:
        path: the folder; made when missing, later.
        inputs: files and folders that the command reads; the folder, and what is written there, must be none of them.
        names: files that will be written there, as far as they are known.
        option: what errors call it.
        kind: of the error where it cannot be written.

    Raises:
        ConfigError: it is a file, is an input, or cannot be made or written; or a file in it is an input.
    """
    given = [one for one in inputs if one is not None]
    if path.name and path.name != "..":
        check_name(path.name, option)
    if path.exists() and not path.is_dir():
        raise ConfigError(f"{option} is a file", found=path, allowed="a folder, which is made when missing")
    _check_writable(path, f"{option} {path}", kind)
    for one in given:
        if is_same(path, one):
            raise ConfigError(f"{option} is what the command reads: {one}", found=path, remedy="name another folder")
    for name in names:
        check_output(path / name, inputs=given, option=f"{name} in {option}")
    remove_leftovers(path)
    remove_leftovers(path.parent)


def check_different(outputs: Iterable[Path]) -> None:
    """Check that no two outputs of a command are one file.

    Raises:
        ConfigError: naming it.
    """
    seen: set[Path] = set()
    for path in outputs:
        resolved = _resolved(path)
        if resolved in seen:
            raise ConfigError("two outputs are one file", found=path, remedy=_REMEDY)
        seen.add(resolved)


def plain_name(name: str) -> str:
    """Return a name of a file for what may be called anything; others may get the same, see `distinct`."""
    return re.sub(r"[^A-Za-z0-9.+_-]+", "-", name).strip("-.")[:_LONGEST_PLAIN] or "unnamed"


def distinct(names: Iterable[str]) -> list[str]:
    """Return names of files that differ, whatever the case of letters: where two are the same, the second gets `-2`."""
    made: list[str] = []
    taken: set[str] = set()
    for name in names:
        chosen, number = name, 1
        while chosen.casefold() in taken:
            number += 1
            chosen = f"{name}-{number}"
        taken.add(chosen.casefold())
        made.append(chosen)
    return made


def check_name(name: str, option: str) -> None:
    """Check that a name is that of one file or folder, and not a way to another place.

    Raises:
        ConfigError: it is empty, `.` or `..`, too long, or holds separators or control characters.
    """
    is_plain = not any(letter in "/\\" or ord(letter) < 32 for letter in name)
    too_long = len(name.encode(errors="surrogateescape")) > LONGEST_NAME
    if not is_plain or too_long or name.strip() in ("", ".", ".."):
        raise ConfigError(
            f"{option} must be the name of one file or folder",
            found=repr(name),
            allowed=f"letters, digits and signs but / and \\, up to {LONGEST_NAME} bytes; not . or ..",
        )


def below(folder: Path, relative: str, source: object) -> Path:
    """Return a file below a folder that a table names.

    Args:
        folder: where the command was told to write.
        relative: what the table says, with `/` between folders.
        source: what errors call the table.

    Raises:
        VibeSpeakerError: it would be elsewhere: by `..`, as an absolute path, or through a symbolic link.
    """
    parts = relative.split("/")
    is_plain = all(part not in ("", ".", "..") and not any(ord(letter) < 32 for letter in part) for part in parts)
    path = folder / relative
    if not is_plain or not _resolved(path).is_relative_to(_resolved(folder)):
        raise VibeSpeakerError(
            f"{source} names a file outside {folder}",
            found=repr(relative),
            allowed="names of files below that folder",
            remedy="correct the table; nothing was written",
        )
    return path


def check_apart(sources: Sequence[Path], targets: Sequence[Path]) -> None:
    """Check that no file to be written is one of those that are read, by whatever name, nor another one's.

    Args:
        sources: files that a table names and that must stay.
        targets: files that will be written.

    Raises:
        VibeSpeakerError: naming the first.
    """
    originals = {_resolved(source) for source in sources}
    nodes = {node for node in map(_node, originals) if node is not None}
    seen: set[Path] = set()
    for target in targets:
        resolved = _resolved(target)
        if resolved in originals or _node(resolved) in nodes:
            raise VibeSpeakerError("a file that is read would be replaced", found=target, remedy="name another folder")
        if resolved in seen:
            raise VibeSpeakerError("two rows of the table would write one file", found=target)
        seen.add(resolved)


def is_same(one: Path, other: Path) -> bool:
    """Return True where two paths are one file or folder, by whatever name: relative, symbolic or hard link."""
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return _resolved(one) == _resolved(other)


def _is_within(path: Path, folder: Path) -> bool:
    """Return True for a file in a folder, also where another name of it is there."""
    if _resolved(path).is_relative_to(_resolved(folder)):
        return True
    return path.stat().st_nlink > 1 and any(is_same(path, other) for other in folder.rglob("*"))


def _resolved(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _node(path: Path) -> tuple[int, int] | None:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _check_writable(folder: Path, what: str, kind: type[VibeSpeakerError] = ConfigError) -> None:
    """Check the folder, or where it is missing the nearest one above, in which it would be made."""
    for place in (folder, *folder.absolute().parents):
        try:
            problem = _problem(place)
        except (OSError, ValueError) as error:
            raise kind(f"cannot write {what}", found=error, remedy="name another place") from error
        if problem is None:
            continue
        if problem:
            remedy = (
                "name another place" if problem == errno.ENOTDIR else "change its permissions or name another place"
            )
            raise kind(f"cannot write {what}: {os.strerror(problem)}", found=place, remedy=remedy)
        return


def _problem(place: Path) -> int | None:
    """Return 0 for a folder that can be written, the system's number for what is wrong, None where there is nothing."""
    if not os.path.lexists(place):
        return None
    if not place.is_dir():
        return errno.ENOTDIR
    if os.access(place, os.W_OK | os.X_OK):
        return 0
    return errno.EROFS if os.statvfs(place).f_flag & os.ST_RDONLY else errno.EACCES
