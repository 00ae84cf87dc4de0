"""The words of a command line as the arguments of a function."""

import inspect
import json
import re
import sys
import typing
from collections.abc import Callable
from typing import Any

from vibespeaker.arguments.mappings import mapping_names, take_mappings
from vibespeaker.config_files.parsing import parse_arguments, parser_mode


def call(
    function: Callable[..., Any],
    command: str,
    arguments: list[str],
    more_help: Callable[[list[str]], str] | None = None,
) -> int:
    """Parse `arguments` against the signature of `function`, call it, and return its status (None counts as 0).

    Leading words fill the first parameter: all of them when it is a list, one otherwise, also where it has a default.
    An option of type `list[...]` takes all words that follow it, and more where it is given again. An option of type
    `dict[str, ...]` is given entry by entry, `--options.columns.audio clip`, or as one mapping in YAML or JSON; where
    its values are of any type, they stay the text that was typed.

    Args:
        function: what the command does.
        command: its name.
        arguments: words behind the name.
        more_help: what `--help` says beyond the signature.
    """
    from jsonargparse import ArgumentParser

    description = (inspect.getdoc(function) or "").partition("\n\nArgs:")[0]
    settings = {"description": description, "exit_on_error": False, "parser_mode": parser_mode()}
    parser = ArgumentParser(prog=f"vibespeaker {command}", **settings)
    required = _required_options(function)
    parser.add_function_arguments(function, as_group=False, as_positional=True, fail_untyped=True, skip=set(required))
    for name, (hint, text) in required.items():
        parser.add_argument(f"--{name}", type=hint, required=True, help=text)
    for action in parser._actions:
        if not action.option_strings:  # the name says more than the parser's account of how a list may be written
            action.metavar = action.dest.upper() + (" …" if action.dest in _list_names(function) else "")
    if more_help is not None and {"-h", "--help"} & set(arguments):
        sys.stdout.write(f"{parser.format_help()}\n{more_help(arguments)}")
        return 0
    names = mapping_names(function)
    mappings, others = take_mappings(names, arguments)
    typed = [f"--{name}={json.dumps(mapping)}" for name, mapping in mappings.items() if not names[name]]
    words = [*_join_words(function, _spell_options(function, others)), *typed]
    values = vars(parser.instantiate(parse_arguments(parser, words, f"vibespeaker {command}")))
    values.update(_typed_texts(function, words))
    # the parser would turn a text such as "no" into what YAML makes of it
    values.update((name, mapping) for name, mapping in mappings.items() if names[name])
    status = function(**values)
    return status if isinstance(status, int) else 0


def _required_options(function: Callable[..., Any]) -> dict[str, tuple[Any, str]]:
    """Return the options that must be given, parameters by keyword alone without a default: name → type and text."""
    hints = typing.get_type_hints(function)
    texts = argument_texts(function)
    return {
        name: (hints[name], texts.get(name, ""))
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
    }


def argument_texts(function: Callable[..., Any]) -> dict[str, str]:
    """Return what the docstring says of each argument, on one line."""
    described = (inspect.getdoc(function) or "").partition("\n\nArgs:\n")[2].partition("\n\n")[0]
    entries = re.split(r"\n(?=    \w+: )", described)
    named = (entry.strip().partition(": ") for entry in entries)
    return {name: " ".join(text.split()) for name, _, text in named}


def _spell_options(function: Callable[..., Any], arguments: list[str]) -> list[str]:
    """Let `--verify` stand for `--verify=true` where the default is false, and dashes for underscores in names."""
    switches = {name for name, value in inspect.signature(function).parameters.items() if value.default is False}
    spelled = []
    for word, following in zip(arguments, [*arguments, ""][1:], strict=True):
        name, equals, value = word.partition("=")
        if word.startswith("--"):
            name = "--" + name[2:].replace("-", "_")
        if name[2:] in switches and not equals and following not in ("true", "false"):
            equals, value = "=", "true"
        spelled.append(name + equals + value if word.startswith("--") else word)
    return spelled


def _typed_texts(function: Callable[..., Any], words: list[str]) -> dict[str, str]:
    """Return the options that are a text or nothing, as they were typed: the parser reads `null` and `~` as nothing."""
    hints = typing.get_type_hints(function)
    texts = {name for name, hint in hints.items() if set(typing.get_args(hint)) == {str, type(None)}}
    typed = {}
    for word, following in zip(words, [*words, ""][1:], strict=True):
        name, equals, value = word.partition("=")
        if name.startswith("--") and name[2:] in texts:
            typed[name[2:]] = value if equals else following
    return typed


def _join_words(function: Callable[..., Any], arguments: list[str]) -> list[str]:
    """Gather leading words, and the words behind each list option wherever it stands, into one JSON list each."""
    lists = _list_names(function)
    first = next(iter(inspect.signature(function).parameters.values()), None)
    joined, rest = [], list(arguments)
    if first is not None and rest and not _is_option(rest[0]):
        value = json.dumps(_take_words(rest)) if first.name in lists else rest.pop(0)
        joined.append(value if first.default is inspect.Parameter.empty else f"--{first.name}={value}")
    gathered: dict[str, list[str]] = {}
    places: dict[str, int] = {}
    while rest:
        word = rest.pop(0)
        option, equals, value = word.removeprefix("--").partition("=")
        name = option.removesuffix("+")
        # what YAML spells stands for all of the list
        spelled = value.startswith("[") or value == "null" if equals else not rest or rest[0].startswith("[")
        if not word.startswith("--") or name not in lists or spelled:
            joined.append(word)
            continue
        if name not in places:
            places[name] = len(joined)
            joined.append("")
        gathered.setdefault(name, []).extend([value] if equals else _take_words(rest))
        joined[places[name]] = f"--{name}={json.dumps(gathered[name])}"
    return joined


def _list_names(function: Callable[..., Any]) -> set[str]:
    """Return the names of parameters that are lists, or may be."""
    hints = typing.get_type_hints(function).items()
    return {name for name, hint in hints if any(typing.get_origin(t) is list for t in (hint, *typing.get_args(hint)))}


def _is_option(word: str) -> bool:
    """Return whether a word is an option; a dash alone is a word, which stands for a pipe."""
    return word.startswith("-") and word != "-"


def _take_words(arguments: list[str]) -> list[str]:
    """Remove and return the words before the next option."""
    count = next((i for i, word in enumerate(arguments) if _is_option(word)), len(arguments))
    words = arguments[:count]
    del arguments[:count]
    return words
