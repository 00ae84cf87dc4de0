"""The state of a folder, to see that nothing in it changes."""

from pathlib import Path

from vibespeaker.files import file_sha256


def hashes(folder: Path) -> dict[str, str]:
    """Return relative path → SHA-256 of every file in a folder."""
    return {str(path.relative_to(folder)): file_sha256(path) for path in folder.rglob("*") if path.is_file()}
