"""The help of a command, from its signature and docstring alone: what must be given, what may be, and the defaults."""

import inspect
import re
import shutil
import textwrap
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

#: Columns of a help page: those of the terminal, within these.
_LEAST_WIDTH, _MOST_WIDTH = 60, 100
#: Where what is said of an option begins.
_INDENT = 28
_WORDS: dict[Any, str] = {Path: "PATH", str: "TEXT", int: "NUMBER", float: "NUMBER"}


def help_page(function: Callable[..., Any], command: str) -> str:
    """Return what `vibespeaker COMMAND --help` prints.

    Args:
        function: what the command does; its docstring has a Google-style `Args` section.
        command: its name.
    """
    parameters, hints = inspect.signature(function).parameters, typing.get_type_hints(function)
    texts = argument_texts(function)
    leading = [name for position, (name, one) in enumerate(parameters.items()) if is_positional(one, position)]
    required = [name for name in required_options(function)]
    others = [name for name in parameters if name not in (*leading, *required)]
    words = " ".join([*(_positional(parameters[name], hints[name]) for name in leading)])
    needed = " ".join(f"--{name} {_metavar(hints[name])}" for name in required)
    usage = " ".join(filter(None, ["usage: vibespeaker", command, words, needed, "[options]" if others else ""]))
    lines = [usage, ""]
    described = (inspect.getdoc(function) or "").partition("\n\nArgs:")[0]
    for paragraph in described.split("\n\n"):
        lines += [*textwrap.wrap(" ".join(paragraph.split()), help_width()), ""]
    for name in leading:
        lines += entry(_positional(parameters[name], hints[name]), texts.get(name, ""))
    if required:
        lines += ["", "required:"]
        for name in required:
            lines += entry(f"--{name} {_metavar(hints[name])}", texts.get(name, ""))
    if others:
        lines += ["", "options:"]
        for name in others:
            lines += entry(_option(name, hints[name]), _with_default(texts.get(name, ""), parameters[name].default))
    return "\n".join(lines) + "\n"


def help_width() -> int:
    """Return the columns of a help page."""
    return max(_LEAST_WIDTH, min(shutil.get_terminal_size((80, 24)).columns, _MOST_WIDTH))


def entry(head: str, text: str) -> list[str]:
    """Return the lines of an option or command: what is typed, and what it means beside it."""
    width = help_width() - _INDENT
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]
    first = f"  {head}"
    told = [" " * _INDENT + line for line in lines]
    if len(first) >= _INDENT - 1:
        return [first, *(line for line in told if line.strip())]
    return [f"{first:<{_INDENT}}{lines[0]}".rstrip(), *told[1:]]


def argument_texts(function: Callable[..., Any]) -> dict[str, str]:
    """Return what the docstring says of each argument, on one line."""
    described = (inspect.getdoc(function) or "").partition("\n\nArgs:\n")[2].partition("\n\n")[0]
    entries = re.split(r"\n(?=    \w+: )", described)
    named = (one.strip().partition(": ") for one in entries)
    return {name: " ".join(text.split()) for name, _, text in named}


def required_options(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the options that must be given, parameters by keyword alone without a default: name → type."""
    hints = typing.get_type_hints(function)
    return {
        name: hints[name]
        for name, one in inspect.signature(function).parameters.items()
        if one.kind is one.KEYWORD_ONLY and one.default is one.empty
    }


def is_positional(parameter: inspect.Parameter, position: int) -> bool:
    """Return whether words without a dash fill a parameter: what has no default, and the first one."""
    if parameter.kind is parameter.KEYWORD_ONLY:
        return False
    return parameter.default is parameter.empty or (position == 0 and parameter.default is None)


def _positional(parameter: inspect.Parameter, hint: Any) -> str:
    word = parameter.name.upper() + (" …" if _kind(hint)[1] else "")
    return word if parameter.default is parameter.empty else f"[{word}]"


def _option(name: str, hint: Any) -> str:
    if hint is bool:
        return f"--{name}"
    kinds = [hint, *typing.get_args(hint)]
    if any(typing.get_origin(kind) is dict for kind in kinds):
        return f"--{name}.KEY VALUE"
    return f"--{name} {_metavar(hint)}"


def _kind(hint: Any) -> tuple[Any, bool]:
    """Return the type of one value, and whether there may be several; null is no type."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        # of several types the first that names choices is what people type
        chosen = next((kind for kind in kinds if typing.get_origin(kind) is Literal), kinds[0])
        return _kind(chosen)
    if typing.get_origin(hint) in (list, tuple):
        return _kind(typing.get_args(hint)[0])[0], True
    return hint, False


def _metavar(hint: Any) -> str:
    kind, is_list = _kind(hint)
    if typing.get_origin(kind) is Literal:
        word = "|".join(map(str, typing.get_args(kind)))
    else:
        word = _WORDS.get(kind, "VALUE")
    return f"{word} …" if is_list else word


def _with_default(text: str, default: Any) -> str:
    """Add the default, but for what the text says already, and for nothing."""
    if default in (None, False, inspect.Parameter.empty) or isinstance(default, Mapping) or "default" in text:
        return text
    shown = " ".join(map(str, default)) if isinstance(default, list | tuple) else str(default)
    return f"{text.rstrip('.')} (default: {shown})" if shown else text
