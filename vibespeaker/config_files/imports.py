"""What a config may name: classes of known packages, and no functions.

A config is code: `class_path` says what is imported and called. jsonargparse asks for every name that it is given,
wherever and in whichever form it stands, before it imports anything; it allows what is listed here, and compares the
class with the kind that its place expects. What it leaves alone, such as functions where a function would do and free
mappings, is checked when a config is parsed and nothing was made of it.
"""

import importlib
import inspect
import sys
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import partial
from types import ModuleType
from typing import Any

from vibespeaker.config_files.trust import trust_packages, trusted_packages
from vibespeaker.errors import ConfigError

#: Packages whose classes a config may name, of the kind that the place expects.
PACKAGES = ("vibespeaker", "torch", "lightning", "speechbrain", "torchmetrics")
#: Within them, what loads code, starts processes or is a program.
_DENIED = (
    *("vibespeaker.__main__", "vibespeaker.cli", "torch.hub", "torch.package", "torch.jit", "torch.utils"),
    *("torch.distributed.run", "torch.distributed.launch", "torch.distributed.elastic", "torch.multiprocessing"),
    *("torch.testing", "lightning.app", "lightning.fabric.cli"),
)


def restrict() -> None:
    """Let jsonargparse import what configs may name, and build nothing where a value of any kind may stand."""
    from jsonargparse import set_parsing_settings

    set_parsing_settings(
        import_path_denylist=["*", *_DENIED],
        import_path_allowlist=[*PACKAGES, *trusted_packages()],
        instantiate_subclass_spec_in_any=False,
    )


def trust(packages: Iterable[str]) -> None:
    """Let configs and checkpoints name classes of further packages in this process.

    Args:
        packages: top-level ones, such as the user's own.

    Raises:
        ConfigError: it is not the name of a top-level package.
    """
    packages = list(packages)
    for package in packages:
        if not package.isidentifier():
            raise ConfigError("--trust takes the name of a package", found=package, allowed="such as my_package")
    trust_packages(packages)
    restrict()


def take_trust(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the packages that `--trust` names on a command line, and the other words.

    It counts on the command line alone: a config cannot vouch for itself.

    Raises:
        ConfigError: a package is missing.
    """
    packages: list[str] = []
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if option != "--trust":
            others.append(word)
            continue
        value = value if equals else next(rest, "")
        if not value or value.startswith("-"):
            raise ConfigError("--trust names no package", remedy="write --trust PACKAGE, once for each")
        packages += value.split(",")
    return packages, others


def check_name(path: object, place: str) -> None:
    """Check the name of a class; nothing is imported.

    Args:
        path: dotted.
        place: where it stands, for errors.

    Raises:
        ConfigError: it is in no package that may be named, or within one in what may not.
    """
    words = path.split(".") if isinstance(path, str) else []
    is_name = len(words) > 1 and all(word.isidentifier() and not word.startswith("_") for word in words)
    denied = any(f"{path}.".startswith(f"{package}.") for package in _DENIED)
    if not is_name or words[0] not in (*PACKAGES, *trusted_packages()) or denied:
        raise refusal(path, place)


def check_parsed(tree: Any, place: str = "the config") -> None:
    """Check everything that a parsed config names; nothing of it is called.

    Args:
        tree: namespaces, mappings and lists of values.
        place: where it stands, for errors.

    Raises:
        ConfigError: a name is that of a function or of something else that is no class, or may not be named.
    """
    if hasattr(tree, "class_path") and not isinstance(tree, Mapping | type):  # a namespace of jsonargparse
        _check_class(tree.class_path, f"{place}.class_path")
    if isinstance(tree, Mapping) and "class_path" in tree:
        path = tree["class_path"]
        # encoders may be named without their package
        if not (isinstance(path, str) and path.isidentifier()):
            _check_class(path, f"{place}.class_path")
    if isinstance(tree, Mapping) or type(tree).__name__ == "Namespace":
        for key, value in (tree if isinstance(tree, Mapping) else vars(tree)).items():
            check_parsed(value, f"{place}.{key}")
    elif isinstance(tree, list | tuple | set):
        for value in tree:
            check_parsed(value, place)
    elif isinstance(tree, ModuleType | partial) or inspect.isroutine(tree) or _is_made(tree):
        raise refusal(getattr(tree, "__qualname__", tree), place)


def refusal(path: object, place: str) -> ConfigError:
    """Return the error about a name that a config may not have."""
    package = str(path).partition(".")[0]
    is_own = package.isidentifier() and package not in (*PACKAGES, *sys.stdlib_module_names)
    return ConfigError(
        f"{place} names something that is neither imported nor called",
        found=path,
        allowed=f"classes of {', '.join((*PACKAGES, *trusted_packages()))}, of the kind that the place expects",
        remedy="a config is code: read it"
        + (f"; if {package} is a package of your own, add --trust {package}" if is_own else ""),
    )


def _is_made(value: Any) -> bool:
    """Return True for an object that a module of `PACKAGES` holds, which no YAML could have written."""
    kind = type(value)
    return kind.__module__.partition(".")[0] in PACKAGES and not isinstance(value, type | Enum)


def _check_class(path: object, place: str) -> None:
    check_name(path, place)
    module, _, name = str(path).rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise refusal(path, place) from error
    home = getattr(found, "__module__", "")
    if not isinstance(found, type) or home.partition(".")[0] not in (*PACKAGES, *trusted_packages()):
        raise refusal(path, place)
