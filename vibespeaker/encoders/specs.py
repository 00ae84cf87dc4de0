"""Encoder specifications: `{name: {class_path, init_args}}`, from YAML to modules."""

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vibespeaker.config_files import find_config
from vibespeaker.config_files.imports import check_name
from vibespeaker.config_files.renamed import class_now, classes_now
from vibespeaker.config_files.trust import find_class
from vibespeaker.config_files.typed import FreeMapping, make_as
from vibespeaker.config_files.yaml_text import read_mapping
from vibespeaker.encoders.base import Encoder
from vibespeaker.errors import ConfigError, EncoderError, VibeSpeakerError

_PACKAGE = "vibespeaker.encoders"
_EXAMPLE = "descriptors: {class_path: vibespeaker.encoders.AcousticDescriptors, init_args: {mels: 64}}"


@dataclass(frozen=True)
class EncoderSpec:
    """How an encoder is made.

    Args:
        class_path: of the encoder; without a module, one of this package.
        init_args: arguments of its constructor.
    """

    class_path: str
    init_args: FreeMapping | None = None


def read_specs(path: Path) -> dict[str, dict[str, Any]]:
    """Read the encoders that a YAML file names, in its order.

    Args:
        path: a mapping from encoder name to `class_path` and `init_args`, or the same under a top key `encoders`; or
            the name of a shipped file, e.g. `encoders/embedded`.

    Returns:
        Encoder name → `{"class_path": str, "init_args": dict}`, checked by `check_specs`.

    Raises:
        ConfigError: the file is missing, is no YAML, or does not specify encoders.
    """
    path = find_config(str(path), "encoders")
    content = read_mapping(path)
    if set(content) == {"encoders"}:
        content = content["encoders"]
    return check_specs(content, str(path))


def check_specs(content: Any, source: str) -> dict[str, dict[str, Any]]:
    """Check specifications and complete them: class names without a module get this package's, no arguments become {}.

    Old class paths are replaced by the present ones.

    Args:
        content: what a configuration says.
        source: what to name in errors.

    Raises:
        ConfigError: naming the entry that is wrong.
    """
    if not isinstance(content, Mapping) or not content:
        raise ConfigError(
            f"{source} must map encoder names to class_path and init_args",
            found=type(content).__name__ if content else "nothing",
            remedy=f"write for example  {_EXAMPLE}",
        )
    return {str(name): _check_spec(str(name), spec, source) for name, spec in content.items()}


def _check_spec(name: str, spec: Any, source: str) -> dict[str, Any]:
    if not isinstance(spec, Mapping):
        raise ConfigError(f"{source}: encoder {name!r} must be a mapping", found=spec, allowed="class_path, init_args")
    checked = make_as(spec, EncoderSpec, f"{source}: encoder {name!r}")
    class_path = class_now(checked.class_path)
    if "." not in class_path:
        class_path = f"{_PACKAGE}.{class_path}"
    return {"class_path": class_path, "init_args": classes_now(checked.init_args or {})}


def check_trusted(specs: Mapping[str, Any], source: object) -> None:
    """Check that specifications from somebody else's file name encoders of this package only, also within each other.

    Args:
        specs: encoder name → class_path and init_args.
        source: what errors call the file.

    Raises:
        CheckpointError: naming what else they name.
    """
    for name, spec in specs.items():
        _check_trusted(spec, source, f"encoders.{name}")


def _check_trusted(tree: Any, source: object, place: str) -> None:
    if isinstance(tree, Mapping):
        if "class_path" in tree:
            path = class_now(str(tree["class_path"]))
            find_class(path if "." in path else f"{_PACKAGE}.{path}", Encoder, source, place)
        for key, value in tree.items():
            _check_trusted(value, source, f"{place}.{key}")
    elif isinstance(tree, list | tuple):
        for value in tree:
            _check_trusted(value, source, place)


def build_encoders(specs: Mapping[str, Mapping[str, Any]]) -> dict[str, Encoder]:
    """Make the encoders that specifications describe, in their order, in evaluation mode.

    Args:
        specs: encoder name → class_path and init_args.

    Raises:
        ConfigError: no such class, no encoder, or wrong arguments.
        EncoderError: a checkpoint is missing, unreachable or of the wrong kind.
    """
    return {name: _build(name, spec) for name, spec in check_specs(specs, "encoders").items()}


def _build(name: str, spec: Mapping[str, Any]) -> Encoder:
    kind = _import_class(name, spec["class_path"])
    allowed = [key for key in inspect.signature(kind).parameters]
    unknown = sorted(set(spec["init_args"]) - set(allowed))
    if unknown:
        raise ConfigError(f"encoder {name!r}: {kind.__name__} has no such arguments", found=unknown, allowed=allowed)
    try:
        return kind(**spec["init_args"]).eval()
    except VibeSpeakerError as error:
        raise type(error)(f"encoder {name!r}: {error}") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"encoder {name!r} cannot be made of its init_args ({error})", found=spec["init_args"]
        ) from error


def _import_class(name: str, class_path: str) -> type[Encoder]:
    check_name(class_path, f"encoder {name!r}")
    module, _, attribute = class_path.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise ConfigError(f"encoder {name!r}: module {error.name} cannot be imported", found=class_path) from error
    except AttributeError as error:
        from vibespeaker.encoders import __all__ as known

        allowed = [f"{_PACKAGE}.{known_name}" for known_name in known]
        raise ConfigError(f"encoder {name!r}: there is no such class", found=class_path, allowed=allowed) from error
    if not (inspect.isclass(kind) and issubclass(kind, Encoder)):
        raise EncoderError(f"encoder {name!r}: {class_path} is not an encoder", remedy="name a subclass of Encoder")
    return kind
