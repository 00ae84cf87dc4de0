"""A YAML file as a dataclass: jsonargparse checks names and types, one sentence says what is wrong."""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, get_args, get_type_hints

from vibespeaker.config_files.parsing import complaint, parser_mode
from vibespeaker.config_files.yaml_text import read_mapping
from vibespeaker.errors import ConfigError

# Types of fields whose values stay as YAML has them: jsonargparse would read `"007"` in a `dict[str, Any]` as 7.
if TYPE_CHECKING:
    FreeMapping: TypeAlias = dict[str, Any]
    FreeList: TypeAlias = list[Any]
else:
    FreeMapping, FreeList = dict, list

Kind = TypeVar("Kind")


def read_as(path: Path, kind: type[Kind], **changes: Any) -> Kind:
    """Read a YAML file as a dataclass.

    Args:
        path: a mapping of the dataclass's fields; what is left out keeps its default.
        kind: the dataclass; its free-form fields are a `FreeMapping` or a `FreeList`.
        changes: fields that go over those of the file.

    Raises:
        ConfigError: names the file and the key, what was found and what is allowed.
    """
    return make_as({**read_mapping(path), **changes}, kind, str(path))


def make_as(content: Mapping[str, Any], kind: type[Kind], source: str) -> Kind:
    """Make a dataclass of what a file holds.

    Args:
        content: field → value, as YAML has them.
        kind: see `read_as`.
        source: what errors call the file.

    Raises:
        ConfigError: see `read_as`.
    """
    from jsonargparse import ArgumentParser

    _check_keys(content, kind, source, "")
    parser = ArgumentParser(exit_on_error=False, parser_mode=parser_mode())
    parser.add_class_arguments(kind)
    try:
        return kind(**vars(parser.instantiate(parser.parse_object(dict(content)))))
    except argparse.ArgumentError as error:
        known = ", ".join(field.name for field in fields(kind))  # type: ignore[arg-type]
        raise complaint(str(error), f"the keys of the file are {known}", source) from error
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error


def _check_keys(content: Any, kind: Any, source: str, place: str) -> None:
    """Refuse keys that a dataclass, or one within it, lacks or needs; the parser would not say where they stand."""
    at = f"{source}: {place}" if place else source
    known = [field.name for field in fields(kind)]
    if not isinstance(content, Mapping):
        raise ConfigError(f"{at} must be a mapping", found=content, allowed=known)
    if unknown := sorted(set(content) - set(known)):
        raise ConfigError(f"{at} has unknown keys", found=", ".join(map(str, unknown)), allowed=known)
    needed = [field.name for field in fields(kind) if field.default is field.default_factory is MISSING]
    if missing := [name for name in needed if name not in content]:
        raise ConfigError(f"{at} needs {', '.join(missing)}", found=", ".join(content) or "nothing", allowed=known)
    hints = get_type_hints(kind)
    for name, value in content.items():
        for key, inner, inner_kind in _dataclasses_in(name, value, hints[name]):
            _check_keys(inner, inner_kind, source, f"{place}.{key}" if place else key)


def _dataclasses_in(key: str, value: Any, hint: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield key, value and type of what stands for a dataclass in a field: itself, in a list or in a mapping."""
    inner = get_args(hint)
    if is_dataclass(hint):
        yield key, value, hint
    elif isinstance(value, list) and inner:
        for number, item in enumerate(value):
            yield from _dataclasses_in(f"{key}.{number}", item, inner[0])
    elif isinstance(value, Mapping) and len(inner) > 1:
        for name, item in value.items():
            yield from _dataclasses_in(f"{key}.{name}", item, inner[1])
