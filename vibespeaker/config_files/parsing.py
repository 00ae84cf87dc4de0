"""jsonargparse as VibeSpeaker uses it: how it reads YAML, and what it complains of as one sentence."""

import argparse
import re
from functools import cache
from typing import Any, Protocol

from vibespeaker.config_files.renamed import classes_now, key_now
from vibespeaker.errors import ConfigError

#: A key or option that nothing reads, as jsonargparse and argparse word it.
_UNREAD = re.compile(r"Option '(.+?)' is not accepted|does not accept option '(.+?)'|unrecognized arguments: (.+)")
_KEY = re.compile(r'Parser key "(.+?)"')
_CLASS = re.compile(r"class_path[ =]'(.+?)'")
_UNUSABLE_CLASS = re.compile(r"Problem with given class_path '(.+?)':\s+(.+)$", re.MULTILINE)
_EXPECTED = re.compile(r"Expected an? (.+?)(?:\. Got value: .*)?$", re.MULTILINE)
_GIVEN = re.compile(r"(?:Got|Given) value: (.*)$", re.MULTILINE)


@cache
def parser_mode() -> str:
    """Return the `parser_mode` in which jsonargparse reads old class paths as the present ones."""
    from jsonargparse import get_loader, set_loader
    from yaml import YAMLError

    read = get_loader("yaml")

    def load(text: str) -> Any:
        return classes_now(read(text))

    set_loader("vibespeaker", load, (YAMLError,))
    return "vibespeaker"


class Parser(Protocol):
    """An argument parser that was made with `exit_on_error=False`."""

    def parse_args(self, args: list[str]) -> Any:
        """Return the values by name, or raise `argparse.ArgumentError`."""
        ...


def parse_arguments(parser: Parser, arguments: list[str], command: str) -> Any:
    """Parse a command's arguments and config files.

    Args:
        parser: of the command.
        arguments: words of the command line.
        command: what `--help` is asked of, such as `vibespeaker fit`.

    Raises:
        ConfigError: naming the unknown key, or the value that does not fit.
    """
    try:
        return parser.parse_args(arguments)
    except argparse.ArgumentError as error:
        raise complaint(str(error), command) from error


def complaint(text: str, command: str) -> ConfigError:
    """Return the parser's message of several lines as an error of one.

    Args:
        text: the message.
        command: see `parse_arguments`.
    """
    remedy = f"{command} --help lists what can be set"
    heading = text.partition("Given value type:")[0]
    keys = ".".join(_KEY.findall(heading))
    if unread := _UNREAD.search(text):
        name = next(group for group in unread.groups() if group)
        places = [keys] if keys else []
        places += _CLASS.findall(heading)[-1:]
        key = ".".join(filter(None, (keys, name.lstrip("-").partition("=")[0])))
        if present := key_now(key):
            return ConfigError(f"{key} is now called {present}", remedy=f"write {present}")
        return ConfigError(
            f"nothing reads the option {name}" + (f" of {', '.join(places)}" if places else ""),
            remedy=f"correct its name; {remedy}",
        )
    if classes := [found for found in _UNUSABLE_CLASS.findall(heading) if not found[1].startswith("Parser key")]:
        path, reason = classes[-1]
        return ConfigError(f"class_path {path} of {keys} cannot be used: {reason}", remedy=remedy)
    expected = [kind for kind in _EXPECTED.findall(text) if "NoneType" not in kind]
    given = _GIVEN.findall(text)
    if keys and expected and given:
        found = given[0].strip()
        return ConfigError(f"{keys} has an unusable value", found=found, allowed=map(_plain, expected), remedy=remedy)
    return ConfigError(" ".join(text.split()), remedy=remedy)


def _plain(kind: str) -> str:
    """Write a type as users name it."""
    return re.sub(r"typing\.Literal\[(.+)\]", r"\1", re.sub(r"<class '(?:.*\.)?(\w+)'>", r"\1", kind))
