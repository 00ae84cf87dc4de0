"""Where a system lies that a command line, a config or another system's file names."""

from pathlib import Path

from vibespeaker.config_files.shipped import shipped_configs
from vibespeaker.systems.hub import is_hub_name
from vibespeaker.systems.shipped import shipped_models

#: Folders of shipped configs that describe systems.
_KINDS = ("fusion", "hub")


def place_of(reference: str | Path, folder: Path | None = None) -> Path:
    """Return what a reference means.

    Args:
        reference: a path, the name of a model that comes with the package, or of a shipped config that describes a
            system, such as `fusion/voice-and-words`.
        folder: of the file that names it, to which paths are relative; else, and where nothing lies there, to the
            working folder.

    Returns:
        The first of these that is there; where none is, the path or the name on a hub, for whoever asks or says so.
    """
    beside = Path(reference) if folder is None else folder / reference
    shipped = shipped_configs() / f"{reference}.yaml"
    described = [shipped] if shipped.parent.name in _KINDS and shipped.is_file() else []
    models = shipped_models()
    candidates = [beside, Path(reference), *([models[str(reference)]] if str(reference) in models else []), *described]
    missing = Path(reference) if is_hub_name(str(reference)) else beside
    return next((one for one in candidates if one.exists()), missing)
