"""What a file from somebody else may name: classes of this package, of the kind that the place expects, and no more.

A class path is an instruction to import a module and to call what is found in it. Before anything is imported, its
package is compared with that of the kind that is expected: a pooling comes from `vibespeaker.models`, an optimiser from
`torch.optim`. A path that leaves that package, or walks through a module to what that module imported, is refused.
"""

import importlib
import importlib.util
from collections.abc import Iterable, Mapping
from typing import Any

from vibespeaker.errors import CheckpointError

#: Packages whose classes a checkpoint may name; those of `torch` in the places of optimisers and layers only.
PACKAGES = (
    *("vibespeaker.encoders", "vibespeaker.losses", "vibespeaker.models", "vibespeaker.systems", "vibespeaker.tasks"),
    *("torch.nn", "torch.optim"),
)
#: Keys whose values name what is imported.
_CLASS_KEYS = ("class_path", "_class_path")
#: What Lightning writes beside hyper-parameters, and the only value that it may have.
_INSTANTIATOR = ("_instantiator", "lightning.pytorch.cli.instantiate_module")

_trusted: set[str] = set()


def trust_packages(names: Iterable[str]) -> None:
    """Let checkpoints name classes of further packages in this process.

    Args:
        names: of top-level packages, such as the user's own.
    """
    _trusted.update(names)


def trusted_packages() -> tuple[str, ...]:
    """Return the packages that the user trusts, in alphabetical order; see `imports` for what configs may name."""
    return tuple(sorted(_trusted))


def is_in_package(path: str, package: str) -> bool:
    """Return True when a class path lies in a package by its name; nothing is imported."""
    return path.startswith(f"{package}.") and all(word.isidentifier() for word in path.split("."))


def check_names(tree: Any, source: object) -> None:
    """Refuse hyper-parameters that name anything outside `PACKAGES` and the trusted ones; nothing is imported.

    Args:
        tree: mappings and lists, at any depth.
        source: what errors call the file.

    Raises:
        CheckpointError: naming what it names.
    """
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            if key in _CLASS_KEYS:
                _check_name(value, source)
            elif key != _INSTANTIATOR[0]:
                check_names(value, source)
            elif value != _INSTANTIATOR[1]:
                raise _refusal(source, value, "what LightningCLI writes there")
    elif isinstance(tree, list | tuple | set):
        for value in tree:
            check_names(value, source)
    elif isinstance(tree, str) and "." in tree and _names_module(tree):
        _check_name(tree, source)  # where a function may stand, some readers import what a bare text names


def find_class(path: Any, kind: type[Any], source: object, place: str) -> type[Any]:
    """Import a class that a file names, if it is of the kind that its place expects.

    Args:
        path: the class path.
        kind: base class; unless trusted, the class comes from the base's own package, `vibespeaker.models` for one.
        source: what errors call the file.
        place: where in the file the path stands.

    Raises:
        CheckpointError: another package, no such class, or one of another kind.
    """
    package = ".".join(kind.__module__.split(".")[:2])
    allowed = f"at {place}, a {kind.__name__} of {package}"
    if not (isinstance(path, str) and (is_in_package(path, package) or _is_trusted(path))):
        raise _refusal(source, path, allowed)
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise _refusal(source, path, allowed) from error
    is_own = isinstance(found, type) and (f"{found.__module__}.".startswith(f"{package}.") or _is_trusted(path))
    if not (is_own and issubclass(found, kind)):
        raise _refusal(source, path, allowed)
    return found


def _check_name(path: Any, source: object) -> None:
    # encoders may be named without their package
    is_short = isinstance(path, str) and path.isidentifier()
    if not is_short and not (
        isinstance(path, str) and (any(is_in_package(path, package) for package in PACKAGES) or _is_trusted(path))
    ):
        raise _refusal(source, path, f"classes of {', '.join(PACKAGES)}")


def _names_module(text: str) -> bool:
    """Return True when the first word of a dotted name is a module that could be imported."""
    words = text.split(".")
    if not all(word.isidentifier() for word in words):
        return False
    found = importlib.util.find_spec(words[0])
    return found is not None and found.origin is not None


def _is_trusted(path: str) -> bool:
    return any(is_in_package(path, package) for package in _trusted)


def _refusal(source: object, path: Any, allowed: str) -> CheckpointError:
    return CheckpointError(
        f"{source} names something that is neither imported nor called",
        found=path,
        allowed=allowed,
        remedy="use checkpoints of people you trust, whose classes are this package's",
    )
