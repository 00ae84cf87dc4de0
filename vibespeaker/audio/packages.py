"""Packages of extras, which recordings can do without."""

import importlib.metadata

from vibespeaker.errors import ConfigError


def installed(package: str, extra: str = "clean") -> str:
    """Return the version of a package of an extra.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise ConfigError(f"{package} is not installed", remedy=f"pip install 'vibespeaker[{extra}]'") from error
