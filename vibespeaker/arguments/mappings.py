"""Mappings on a command line: `--options.columns.audio clip --options.columns.speaker who` is one mapping.

Every value stays the text that was typed: `no` is Norwegian, `2024` a corpus and `007` a speaker. What an option's
type makes of its text is the business of whoever reads the option.
"""

import re
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from vibespeaker.config_files.yaml_text import check_bounds
from vibespeaker.errors import ConfigError

#: Text, or a mapping of names to such values; lists only inside of what is written as YAML or JSON.
Value = Any


def mapping_names(function: Callable[..., Any]) -> dict[str, bool]:
    """Return the parameters that are mappings, or may be, and whether their values are of any type."""
    found = {}
    for name, hint in typing.get_type_hints(function).items():
        for kind in (hint, *typing.get_args(hint)):
            if typing.get_origin(kind) is dict:
                found[name] = typing.get_args(kind)[1] is Any
    return found


def take_mappings(names: typing.Container[str], arguments: list[str]) -> tuple[dict[str, dict[str, Value]], list[str]]:
    """Take the words that fill mappings out of a command line.

    Args:
        names: parameters that are mappings.
        arguments: words such as `--options.columns.audio`, `clip`, or `--options`, `{columns: {audio: clip}}`.

    Returns:
        Each mapping by its parameter, nested, all given pieces merged; and the other words.

    Raises:
        ConfigError: a value is missing, is no mapping where one is needed, or contradicts another.
    """
    mappings: dict[str, dict[str, Value]] = {}
    others: list[str] = []
    words = iter(arguments)
    for word in words:
        key, equals, value = word.partition("=")
        first, *inner = key.removeprefix("--").split(".")
        first = first.replace("-", "_")
        if not word.startswith("--") or first not in names:
            others.append(word)
            continue
        if "" in inner:
            raise ConfigError(f"{key} names no entry", allowed=f"--{first}.NAME VALUE")
        if not equals:
            value = _next_value(key, words)
        content: Value = read_mapping(key, value) if not inner or value.lstrip().startswith("{") else value
        for name in reversed(inner):
            content = {name: content}
        merge(mappings.setdefault(first, {}), content, first)
    return mappings, others


def _next_value(key: str, words: Iterator[str]) -> str:
    value = next(words, None)
    # a value such as -1 has one dash, the next option two
    if value is None or re.match(r"--[A-Za-z]", value):
        raise ConfigError(f"{key} has no value", remedy=f"write {key} VALUE")
    return value


def read_mapping(key: str, text: str) -> dict[str, Value]:
    """Read a mapping written as YAML or JSON; every scalar in it stays text.

    Raises:
        ConfigError: it is none, names an entry twice, or exceeds what a config may hold.
    """
    try:
        found = read_texts(key, text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{key} is no mapping", found=text, allowed="{NAME: VALUE, …}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{key} is no mapping", found=text, allowed=f"{{NAME: VALUE, …}}, or {key}.NAME VALUE")
    return found


def read_texts(place: str, text: str) -> Value:
    """Read YAML or JSON of texts, lists and mappings.

    Args:
        place: what errors call it.
        text: as typed.

    Raises:
        ConfigError: it exceeds what a config may hold.
        YAMLError: it is no YAML.
    """
    check_bounds(text, place)
    return yaml.load(text, Loader=_TextLoader)


class _TextLoader(yaml.BaseLoader):
    """Makes texts, lists and mappings, and refuses two entries of one name."""


def _construct_mapping(loader: _TextLoader, node: yaml.MappingNode) -> dict[str, Value]:
    entries: dict[str, Value] = {}
    for name_node, value_node in node.value:
        name = loader.construct_object(name_node, deep=True)
        if not isinstance(name, str) or name in entries:
            raise yaml.constructor.ConstructorError(None, None, f"{name} is no name, or stands twice", node.start_mark)
        entries[name] = loader.construct_object(value_node, deep=True)
    return entries


_TextLoader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)


def merge(into: dict[str, Value], more: Mapping[str, Value], name: str = "") -> None:
    """Add the entries of one nested mapping to another.

    Args:
        into: changed in place.
        more: entries to add.
        name: what the mapping is called in errors.

    Raises:
        ConfigError: both name an entry, with different values.
    """
    for key, value in more.items():
        place = f"{name}.{key}" if name else key
        known = into.get(key)
        if isinstance(known, dict) and isinstance(value, Mapping):
            merge(known, value, place)
        elif key in into and known != value:
            raise ConfigError(f"{place} is given twice", found=f"{known} and {value}", remedy="give it once")
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value
