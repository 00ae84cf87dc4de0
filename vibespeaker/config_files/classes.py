"""Objects that a file describes by `class_path` and `init_args`, outside the configs that jsonargparse builds."""

import importlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from vibespeaker.config_files.imports import check_name
from vibespeaker.config_files.renamed import class_now, classes_now
from vibespeaker.config_files.typed import FreeMapping, make_as
from vibespeaker.errors import ConfigError, VibeSpeakerError

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class ClassSpec:
    """How an object is made.

    Args:
        class_path: of its class; without a module, one of the package that is expected.
        init_args: arguments of the constructor.
    """

    class_path: str
    init_args: FreeMapping | None = None


def check_spec(spec: Any, place: str, package: str, kind: type[ClassSpec] = ClassSpec) -> dict[str, Any]:
    """Check a specification and complete it: the package of a name without one, no arguments as {}.

    Old class paths are replaced by the present ones.

    Args:
        spec: what a file says.
        place: what errors call it.
        package: where classes are that are named without a module.
        kind: which keys there are.

    Returns:
        `class_path`, `init_args`, and those further keys of `kind` that are given.

    Raises:
        ConfigError: naming the key that is wrong.
    """
    if not isinstance(spec, Mapping):
        raise ConfigError(f"{place} must be a mapping", found=spec, allowed="class_path, init_args")
    checked = make_as(spec, kind, place)
    class_path = class_now(checked.class_path)
    if "." not in class_path:
        class_path = f"{package}.{class_path}"
    further = {name: value for name, value in vars(checked).items() if value is not None}
    return {**further, "class_path": class_path, "init_args": classes_now(checked.init_args or {})}


def make(spec: Mapping[str, Any], kind: type[Kind], place: str, known: Sequence[str]) -> Kind:
    """Make the object of a specification that `check_spec` returned.

    Args:
        spec: with `class_path` and `init_args`.
        kind: class that its own must be, or be derived from.
        place: what errors call it.
        known: class paths to list where there is no such class.

    Raises:
        ConfigError: its package is not trusted, there is no such class, it is not of the kind, or the arguments do not
            fit.
        VibeSpeakerError: whatever the class itself refuses, with the place before it.
    """
    made = class_of(spec, kind, place, known)
    try:
        return made(**spec["init_args"])
    except VibeSpeakerError as error:
        raise type(error)(f"{place}: {error}") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{place} cannot be made of its init_args ({error})", found=spec["init_args"]) from error


def class_of(spec: Mapping[str, Any], kind: type[Kind], place: str, known: Sequence[str]) -> type[Kind]:
    """Return the class of a specification, whose constructor has all of the arguments; otherwise as `make`."""
    class_path = spec["class_path"]
    check_name(class_path, place)
    module, _, attribute = class_path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise ConfigError(f"{place}: module {error.name} cannot be imported", found=class_path) from error
    except AttributeError as error:
        raise ConfigError(f"{place}: there is no such class", found=class_path, allowed=known) from error
    if not (inspect.isclass(found) and issubclass(found, kind)):
        raise ConfigError(f"{place}: {class_path} is no {kind.__name__}", remedy=f"name a subclass of {kind.__name__}")
    allowed = list(inspect.signature(found).parameters)
    unknown = sorted(set(spec["init_args"]) - set(allowed))
    if unknown:
        raise ConfigError(f"{place}: {found.__name__} has no such arguments", found=unknown, allowed=allowed)
    return found
