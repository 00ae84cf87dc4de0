"""The words of a command line as the arguments of a function."""

import difflib
import inspect
import json
import sys
import typing
from collections.abc import Callable
from typing import Any

from vibespeaker.arguments.help_page import help_page, required_options
from vibespeaker.arguments.mappings import mapping_names, take_mappings
from vibespeaker.config_files.parsing import parse_arguments, parser_mode
from vibespeaker.config_files.renamed import key_now
from vibespeaker.errors import ConfigError


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
    if {"-h", "--help"} & set(arguments):  # from the signature alone, without the parser's seconds
        more = "" if more_help is None else f"\n{more_help(arguments)}"
        sys.stdout.write(help_page(function, command) + more)
        return 0
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog=f"vibespeaker {command}", exit_on_error=False, parser_mode=parser_mode())
    required = required_options(function)
    parser.add_function_arguments(function, as_group=False, as_positional=True, fail_untyped=True, skip=set(required))
    for name, hint in required.items():
        parser.add_argument(f"--{name}", type=hint, required=True)
    names = mapping_names(function)
    mappings, others = take_mappings(names, arguments)
    typed = [f"--{name}={json.dumps(mapping)}" for name, mapping in mappings.items() if not names[name]]
    words = [*_join_words(function, _spell_options(function, others)), *typed]
    refuse_unknown(words, _option_names(function), command)
    values = vars(parser.instantiate(parse_arguments(parser, words, f"vibespeaker {command}")))
    values.update(_typed_texts(function, words))
    # the parser would turn a text such as "no" into what YAML makes of it
    values.update((name, mapping) for name, mapping in mappings.items() if names[name])
    status = function(**values)
    return status if isinstance(status, int) else 0


def refuse_unknown(words: list[str], known: set[str], command: str) -> None:
    """Refuse an option that the command does not have, with the one that it may have meant.

    Raises:
        ConfigError: naming both.
    """
    for word in words:
        name = word.removeprefix("--").partition("=")[0].partition(".")[0].removesuffix("+")
        if not word.startswith("--") or name in known or not name or key_now(name):
            continue
        near = difflib.get_close_matches(name, known, n=1)
        remedy = f"did you mean --{near[0]}? " if near else ""
        raise ConfigError(
            f"nothing reads the option --{name}", remedy=f"{remedy}vibespeaker {command} --help lists what can be set"
        )


def _option_names(function: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(function).parameters)


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
    """Gather the words of the first parameter, and those behind each list option wherever it stands, as JSON lists.

    Words of the first parameter stand before all options, or, where there are none, behind any option's value.
    """
    lists = _list_names(function)
    first = next(iter(inspect.signature(function).parameters.values()), None)
    joined, rest = [], list(arguments)
    is_filled = first is None or (bool(rest) and not _is_option(rest[0]))
    if first is not None and is_filled:
        joined.append(_filling(first, _take_words(rest) if first.name in lists else [rest.pop(0)], lists))
    gathered: dict[str, list[str]] = {}
    places: dict[str, int] = {}
    stray: list[str] = []
    while rest:
        word = rest.pop(0)
        option, equals, value = word.removeprefix("--").partition("=")
        name = option.removesuffix("+")
        # what YAML spells stands for all of the list
        spelled = value.startswith("[") or value == "null" if equals else not rest or rest[0].startswith("[")
        if not _is_option(word):
            stray.append(word)
        elif not word.startswith("--") or name not in lists or spelled:
            joined.append(word)
            if word.startswith("--") and not equals and rest and not _is_option(rest[0]):
                joined.append(rest.pop(0))
        else:
            if name not in places:
                places[name] = len(joined)
                joined.append("")
            gathered.setdefault(name, []).extend([value] if equals else _take_words(rest))
            joined[places[name]] = f"--{name}={json.dumps(gathered[name])}"
    if stray and first is not None and not is_filled:
        taken = stray if first.name in lists else stray[:1]
        return [_filling(first, taken, lists), *joined, *stray[len(taken) :]]
    return [*joined, *stray]


def _filling(first: inspect.Parameter, words: list[str], lists: set[str]) -> str:
    """Return the word that fills the first parameter, an option where it may be left out."""
    value = json.dumps(words) if first.name in lists else words[0]
    return value if first.default is inspect.Parameter.empty else f"--{first.name}={value}"


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
