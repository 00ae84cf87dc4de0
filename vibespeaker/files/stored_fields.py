"""Dataclasses as JSON and checkpoints keep them: names and types are checked before one is made of what a file holds.

Whoever reads a record that a program wrote (a table's metadata, a cache's records, a checkpoint's provenance) reads it
here, so that a damaged or foreign one is one sentence. Files that people write are read by `config_files.typed`.
"""

import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from vibespeaker.errors import VibeSpeakerError

Kind = TypeVar("Kind")


def read_object(
    text: str | bytes, source: str, error: type[VibeSpeakerError], remedy: str | None = None
) -> dict[str, Any]:
    """Return the mapping that JSON holds.

    Args:
        text: the JSON.
        source: what errors call it.
        error: the kind of error.
        remedy: what to do when it is damaged.

    Raises:
        VibeSpeakerError: of the given kind: it is no JSON, or no mapping.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise error(f"{source} is damaged", found=problem, allowed="JSON", remedy=remedy) from problem
    if not isinstance(content, dict):
        raise error(f"{source} is damaged", found=f"{type(content).__name__}", allowed="a mapping", remedy=remedy)
    return content


def stored_as(
    kind: type[Kind],
    content: Mapping[str, Any],
    source: str,
    error: type[VibeSpeakerError],
    remedy: str | None = None,
) -> Kind:
    """Make a dataclass of stored fields; lists become tuples, and mappings dataclasses, where it has those.

    Args:
        kind: the dataclass; fields with a default may be absent.
        content: field → value, as JSON or a checkpoint has them.
        source: what errors call the record.
        error: the kind of error.
        remedy: what to do when it is damaged.

    Raises:
        VibeSpeakerError: of the given kind: a field is absent, unknown, or of another type; names it.
    """
    known = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
    needed = [name for name, item in known.items() if item.default is item.default_factory is MISSING]
    if missing := [name for name in needed if name not in content]:
        raise error(f"{source} lacks {', '.join(missing)}", found=_names(content), allowed=known, remedy=remedy)
    if unknown := sorted(str(name) for name in content if name not in known):
        raise error(f"{source} has unknown fields", found=", ".join(unknown), allowed=known, remedy=remedy)
    hints = get_type_hints(kind)
    made = {}
    for name, value in content.items():
        made[name] = _made(value, hints[name], f"{source}: {name}", error, remedy)
        if not fits(made[name], hints[name]):
            raise error(
                f"{source}: {name} is of another type",
                found=repr(value)[:80],
                allowed=_said(hints[name]),
                remedy=remedy,
            )
    return kind(**made)


def fits(value: Any, hint: Any) -> bool:
    """Return whether a value is of a type; a whole number counts as a float, a truth value never as a number."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in inner)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        each = [inner[0]] * len(value) if len(inner) == 2 and inner[1] is Ellipsis else list(inner)
        return len(each) == len(value) and all(map(fits, value, each))
    if origin is not None and isinstance(origin, type):
        if not isinstance(value, origin) or isinstance(value, str):
            return False
        if isinstance(value, Mapping):
            return all(fits(key, inner[0]) and fits(item, inner[1]) for key, item in value.items())
        return not isinstance(value, Sequence) or all(fits(item, inner[0]) for item in value)
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    return isinstance(value, hint) if isinstance(hint, type) else True


def _made(value: Any, hint: Any, source: str, error: type[VibeSpeakerError], remedy: str | None) -> Any:
    """Return a stored value as its type has it; what does not fit stays as it is."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        lists = isinstance(value, list)
        kinds = [one for one in inner if one is not type(None) and lists == (get_origin(one) is tuple)]
        return _made(value, kinds[0], source, error, remedy) if kinds else value
    if isinstance(value, Mapping) and is_dataclass(hint) and isinstance(hint, type):
        return stored_as(hint, value, source, error, remedy)
    if isinstance(value, list) and origin is tuple:
        kinds = [inner[0]] * len(value) if len(inner) == 2 and inner[1] is Ellipsis else list(inner)
        pairs = zip(value, kinds, strict=False)
        return tuple(_made(one, kind, source, error, remedy) for one, kind in pairs) + tuple(value[len(kinds) :])
    if isinstance(value, Mapping) and isinstance(origin, type) and issubclass(origin, Mapping) and inner:
        return {key: _made(one, inner[1], f"{source}.{key}", error, remedy) for key, one in value.items()}
    return value


def _names(content: Mapping[str, Any]) -> str:
    return ", ".join(map(str, content)) or "nothing"


def _said(hint: Any) -> str:
    return getattr(hint, "__name__", str(hint)) if isinstance(hint, type) and not get_args(hint) else str(hint)
