"""The configs that come with VibeSpeaker, found by name."""

from importlib.resources import files
from pathlib import Path

from vibespeaker.errors import ConfigError


def shipped_configs() -> Path:
    """Return the folder of the configs that come with VibeSpeaker, installed or in a checkout."""
    package = Path(str(files("vibespeaker")))
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def find_config(name: str, kind: str = "experiment") -> Path:
    """Return the config file called `name`: a path, or else one among the shipped, e.g. `experiment/ensemble-task2`.

    Args:
        name: path of a file; or the name of a shipped config, with its folder, or without where that is `kind`.
        kind: the shipped folder that is meant when none is named.

    Raises:
        ConfigError: there is none.
    """
    shipped = shipped_configs()
    for candidate in (Path(name), shipped / name, shipped / f"{name}.yaml", shipped / kind / f"{name}.yaml"):
        if candidate.is_file():
            return candidate
    folder = name.split("/")[0] if "/" in name and (shipped / name.split("/")[0]).is_dir() else kind
    known = sorted(f"{path.parent.name}/{path.stem}" for path in (shipped / folder).glob("*.yaml"))
    raise ConfigError(
        f"config {name} does not exist", allowed=["a path", *known], remedy="name a file or a shipped config"
    )
