"""The models that come with VibeSpeaker, found by name; they are model folders like any other."""

from importlib.resources import files
from pathlib import Path

#: What a command takes when no model is named.
DEFAULT = "emodb"


def models_folder() -> Path:
    """Return the folder that holds the shipped models, a folder each."""
    return Path(str(files("vibespeaker"))) / "systems" / "models"


def shipped_models() -> dict[str, Path]:
    """Return name → folder of every model that comes with the package."""
    folder = models_folder()
    return {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()} if folder.is_dir() else {}
