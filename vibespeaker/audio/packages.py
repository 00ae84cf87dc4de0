"""Packages of the extra `clean`, which recordings can do without."""

import importlib.metadata

from vibespeaker.errors import ConfigError


def installed(package: str) -> str:
    """Return the version of a package.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise ConfigError(f"{package} is not installed", remedy="pip install 'vibespeaker[clean]'") from error
