"""YAML as VibeSpeaker reads it: plain values only, bounded in size, depth and aliases, and no key twice.

A few lines of aliases of aliases stand for billions of values, and thousands of brackets exhaust the stack; both are
counted before anything is built. Numbers are those of YAML 1.2, as jsonargparse reads them: `1e-3` is one.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from vibespeaker.errors import ConfigError

#: Largest text, deepest nesting, and most values with every alias written out.
MOST_BYTES, MOST_DEPTH, MOST_VALUES = 4 << 20, 60, 500_000

_FAULTS = (yaml.YAMLError, ValueError, TypeError, AttributeError)


def read_yaml(path: Path) -> Any:
    """Return what a YAML or JSON file holds.

    Raises:
        ConfigError: it is missing, cannot be read, is no YAML, or exceeds what a config may hold.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read", found=error.strerror or error) from error
    if len(content) > MOST_BYTES:
        raise ConfigError(f"{path} is too large for a config", allowed=f"{MOST_BYTES >> 20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a text file", found=f"bytes {content[:8]!r} …", allowed="UTF-8") from error
    return parse_yaml(text, path)


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds; an empty file is an empty one.

    Raises:
        ConfigError: see `read_yaml`; or it holds something else, or keys that are no words.
    """
    content = read_yaml(path)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must be a mapping", found=type(content).__name__, allowed="key: value, …")
    wrong = [key for key in content if not isinstance(key, str)]
    if wrong:
        raise ConfigError(f"{path} has keys that are no words", found=wrong[0], remedy="put the key in quotes")
    return content


def parse_yaml(text: str, source: object) -> Any:
    """Return what a YAML text says.

    Args:
        text: one document.
        source: what errors call it.

    Raises:
        ConfigError: it is no YAML, or exceeds what a config may hold.
    """
    try:
        check_bounds(text, source)
        return yaml.load(text, Loader=_Loader)
    except _FAULTS as error:
        raise ConfigError(f"{source} is not a YAML file", found=" ".join(str(error).split())) from error


def check_bounds(text: str, source: object) -> None:
    """Check that building what a YAML text says stays small, and that no mapping has a key twice.

    Raises:
        ConfigError: it does not.
        YAMLError: the text is no YAML.
    """
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=_Loader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            raise ConfigError(f"{source} is nested too deeply", allowed=f"{MOST_DEPTH} levels")
        if number > MOST_VALUES:
            raise ConfigError(f"{source} holds too many values", allowed=str(MOST_VALUES))
    root = yaml.compose(text, Loader=_Loader)
    if root is not None and _count(root, {}, source) > MOST_VALUES:
        raise ConfigError(f"{source} holds too many values once its aliases are written out", allowed=str(MOST_VALUES))


def _count(node: yaml.Node, counted: dict[int, int], source: object) -> int:
    """Return the values below a node, those behind an alias each time they are named."""
    if id(node) in counted:
        if not counted[id(node)]:
            raise ConfigError(f"{source} holds an alias of itself", found=f"line {node.start_mark.line + 1}")
        return counted[id(node)]
    counted[id(node)] = 0  # until it is known: whoever meets this meets itself
    total = 1
    if isinstance(node, yaml.MappingNode):
        _check_keys(node, source)
    if isinstance(node, yaml.CollectionNode):
        for entry in node.value:
            for child in entry if isinstance(entry, tuple) else (entry,):
                total += _count(child, counted, source)
    counted[id(node)] = total
    return total


def _check_keys(node: yaml.MappingNode, source: object) -> None:
    keys: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in keys:  # also 5 and "5", which a setting may take for the same number
                raise ConfigError(
                    f"{source} has the key {key.value} twice",
                    found=f"line {key.start_mark.line + 1}",
                    remedy="give it once",
                )
            keys.add(key.value)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Builds plain values; dates stay text."""


#: YAML 1.1 takes 1e-3 for text.
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*(?:[eE][-+]?[0-9]+)|[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|\.(?:inf|Inf|INF))$|^\.(?:nan|NaN|NAN)$"
)
_REPLACED = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:float")
_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in known if tag not in _REPLACED]
    for letter, known in _Loader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
