"""Reading files that others gave: what stands in the way is named as it is, in one sentence."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vibespeaker.errors import VibeSpeakerError


@contextmanager
def reading(
    path: Path, kind: type[VibeSpeakerError], what: str, remedy: str | None = None, verb: str = "does"
) -> Iterator[None]:
    """Turn the operating system's refusal to read a file into one sentence with its true cause.

    Args:
        path: the file.
        kind: of the error.
        what: the file is, e.g. `manifest`.
        remedy: where the file is missing.
        verb: `does`, or `do` where `what` is many.

    Raises:
        VibeSpeakerError: of the given kind: the file is missing, is a folder, may not be read, or the disk fails.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise kind(f"{what} {path} {verb} not exist", remedy=remedy) from error
    except IsADirectoryError as error:
        raise kind(f"{path} is a folder", allowed=f"{what}: a file") from error
    except PermissionError as error:
        remedy = "change its permissions, or ask its owner"
        raise kind(f"{path} may not be read: no permission", remedy=remedy) from error
    except OSError as error:
        raise kind(f"{path} cannot be read", found=error.strerror or error) from error


def read_text_file(path: Path, kind: type[VibeSpeakerError], what: str, remedy: str | None = None) -> str:
    """Return the text of a UTF-8 file, without a byte order mark.

    Raises:
        VibeSpeakerError: of the given kind: it cannot be read or is no text; see `reading`.
    """
    with reading(path, kind, what, remedy):
        content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise kind(f"{path} is no text", found=f"bytes {content[:8]!r} …", allowed="UTF-8") from error


def read_json(path: Path, kind: type[VibeSpeakerError], what: str, remedy: str | None = None) -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Raises:
        VibeSpeakerError: of the given kind: it cannot be read, is no JSON, or holds something else; see `reading`.
    """
    text = read_text_file(path, kind, what, remedy)
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise kind(f"{path} is damaged: it is no JSON", found=error, remedy=remedy) from error
    if not isinstance(fields, dict):
        raise kind(f"{path} holds no {what}", found=type(fields).__name__, allowed="an object", remedy=remedy)
    return fields
