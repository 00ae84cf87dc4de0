"""The configs that come with VibeSpeaker, found by name."""

from importlib.resources import files
from pathlib import Path

from vibespeaker.errors import ConfigError


def shipped_configs() -> Path:
    """Return the folder of the configs that come with VibeSpeaker, installed or in a checkout."""
    package = Path(str(files("vibespeaker")))
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def find_config(name: str) -> Path:
    """Return the config file called `name`: a path, or else one among the shipped, e.g. `experiment/ensemble-task2`.

    Raises:
        ConfigError: there is none.
    """
    for candidate in (Path(name), shipped_configs() / name, shipped_configs() / f"{name}.yaml"):
        if candidate.is_file():
            return candidate
    kind = name.split("/")[0] if "/" in name else "experiment"
    known = sorted(f"{path.parent.name}/{path.stem}" for path in (shipped_configs() / kind).glob("*.yaml"))
    raise ConfigError(
        f"config {name} does not exist", allowed=["a path", *known], remedy="name a file or a shipped config"
    )
