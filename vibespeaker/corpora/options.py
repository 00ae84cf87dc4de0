"""Options of adapters: the text of a command line as the types that an adapter's signature asks for."""

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from vibespeaker.arguments.mappings import merge, read_mapping, read_texts
from vibespeaker.errors import CorpusError

_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def typed_options(name: str, corpus_class: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of an adapter with the types of its signature.

    A text stays as it is typed unless the signature says otherwise: `no` is a language, `2024` a corpus. Where it says
    mapping, an entry's dotted name is its name.

    Args:
        name: the format, for errors.
        corpus_class: the adapter's class; each argument is annotated.
        options: option → text, a value of its type, or nested entries; a dotted name such as `columns.audio` is an
            entry of a mapping.

    Raises:
        CorpusError: the adapter reads no such option, or its value is of another type.
    """
    given: dict[str, Any] = {}
    for key, value in options.items():
        first, *inner = key.split(".", 1)
        merge(given, {first: {inner[0]: value} if inner else value}, f"format {name}: option")
    hints = typing.get_type_hints(corpus_class.__init__)
    allowed = list(inspect.signature(corpus_class).parameters)
    unknown = [option for option in given if option not in allowed]
    if unknown:
        raise CorpusError(
            f"format {name} has no such option",
            found=", ".join(unknown),
            allowed=allowed or "none",
            remedy="vibespeaker prepare --help lists what each format reads",
        )
    return {
        option: _typed(f"option {option} of format {name}", value, hints[option]) for option, value in given.items()
    }


def require_corpus_name(name: str) -> str:
    """Return the name of a corpus of one's own.

    Raises:
        CorpusError: it cannot stand before the slash of an identifier.
    """
    if not name or "/" in name:
        raise CorpusError("option corpus", found=name or "nothing", allowed="a name without slashes")
    return name


def _typed(place: str, value: Any, hint: Any) -> Any:
    """Return a value as the type that a hint names.

    Raises:
        CorpusError: it is of another.
    """
    kinds = [kind for kind in (typing.get_args(hint) if _is_union(hint) else (hint,)) if kind is not type(None)]
    if value is None and len(kinds) < len(typing.get_args(hint)):
        return None
    kind = kinds[0]
    origin = typing.get_origin(kind) or kind
    if origin is Mapping:
        return _mapping(place, value)
    if isinstance(value, Mapping):
        inner = next(iter(value), "")
        raise CorpusError(f"{place} has no entries", found=inner, allowed="one value", remedy=f"leave .{inner} out")
    if origin is Sequence:
        return [_scalar(place, item, typing.get_args(kind)[0]) for item in _items(place, value)]
    return _scalar(place, value, kind)


def _is_union(hint: Any) -> bool:
    return type(None) in typing.get_args(hint)


def _scalar(place: str, value: Any, kind: type) -> Any:
    if kind is bool:
        found = value if isinstance(value, bool) else _TRUTHS.get(str(value).lower())
        if found is None:
            raise CorpusError(place, found=value, allowed="true, false")
        return found
    if kind is str:
        if isinstance(value, (list, tuple)):
            raise CorpusError(place, found=value, allowed="one value")
        return str(value)
    try:
        return kind(value)
    except (TypeError, ValueError) as error:
        raise CorpusError(place, found=value, allowed="a number") from error


def _items(place: str, value: Any) -> Sequence[Any]:
    """Return the items of a list, or of its text: `[0, 1]`, `0,1`."""
    if isinstance(value, str):
        try:
            listed = read_texts(place, f"[{value.strip().removeprefix('[').removesuffix(']')}]")
        except yaml.YAMLError as error:
            raise CorpusError(place, found=value, allowed="values such as [0, 1]") from error
        return list(listed)
    if not isinstance(value, Sequence):
        raise CorpusError(place, found=value, allowed="values such as [0, 1]")
    return value


def _mapping(place: str, value: Any) -> dict[str, str]:
    """Return the entries of a mapping, or of its text: `{audio: clip}`; nested entries under dotted names."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = read_mapping(place, value)
    if not isinstance(value, Mapping):
        raise CorpusError(place, found=value, allowed="a mapping, as in --options.columns.audio clip")
    entries = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            entries.update({f"{name}.{key}": text for key, text in _mapping(place, inner).items()})
        else:
            entries[str(name)] = _scalar(f"{place}, entry {name}", inner, str)
    return entries
