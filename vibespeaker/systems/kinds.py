"""What a folder says that it is, before anything of it is read."""

from pathlib import Path

CONFIG = "config.json"
#: Bytes of a config within which its kind is said.
_BEGINNING = 256


def is_kind(path: Path, kind: str) -> bool:
    """Return whether a folder's config says that it is of a kind, within its first lines."""
    try:
        with open(path / CONFIG, "rb") as file:
            return f'"{kind}"' in file.read(_BEGINNING).decode(errors="replace")
    except OSError:
        return False
