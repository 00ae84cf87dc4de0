"""jsonargparse as VibeSpeaker uses it: how it reads YAML, and what it complains of as one sentence."""

import argparse
import re
from functools import cache
from typing import Any, Protocol

from vibespeaker.config_files.imports import refusal, restrict
from vibespeaker.config_files.renamed import classes_now, key_now
from vibespeaker.errors import ConfigError

#: A key or option that nothing reads, as jsonargparse and argparse word it.
_UNREAD = re.compile(r"Option '(.+?)' is not accepted|does not accept option '(.+?)'|unrecognized arguments: (.+)")
#: A name that jsonargparse did not import.
_DENIED = re.compile(r"Importing '(.+?)' is not allowed")
_KEY = re.compile(r'Parser key "(.+?)"')
_CLASS = re.compile(r"class_path[ =]'(.+?)'")
_UNUSABLE_CLASS = re.compile(r"Problem with given class_path '(.+?)':\s+(.+)$", re.MULTILINE)
_EXPECTED = re.compile(r"Expected an? (.+?)(?:\. Got value: .*)?$", re.MULTILINE)
_GIVEN = re.compile(r"(?:Got|Given) value: (.*)$", re.MULTILINE)
#: Types by the names that users know.
_NAMES = {"dict": "a mapping", "Mapping": "a mapping", "list": "a list", "Sequence": "a list", "tuple": "a list"}


@cache
def parser_mode() -> str:
    """Return the `parser_mode` in which jsonargparse reads YAML within bounds, and old class paths as the present."""
    from jsonargparse import get_loader, set_loader
    from yaml import YAMLError

    from vibespeaker.config_files.yaml_text import check_bounds

    restrict()
    read = get_loader("yaml")

    def load(text: str, path: str = "") -> Any:
        check_bounds(text, path or "a value")
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
        raise complaint(str(error), f"{command} --help lists what can be set") from error


def complaint(text: str, remedy: str, source: str = "") -> ConfigError:
    """Return the parser's message of several lines as an error of one sentence.

    Args:
        text: the message.
        remedy: where all that can be set is listed.
        source: the file that it is about, where only one can be meant.
    """
    heading = text.partition("Given value type:")[0]
    keys = ".".join(_KEY.findall(heading))
    at = f"{source}: " if source else ""
    if denied := _DENIED.search(text):
        return refusal(denied[1], at + (keys or "an option"))
    return (
        _unread(text, heading, keys, at, remedy)
        or _unusable_class(heading, keys, at, remedy)
        or _wrong_value(text, keys, at, remedy)
        or ConfigError(at + " ".join(text.split()), remedy=remedy)
    )


def _unread(text: str, heading: str, keys: str, at: str, remedy: str) -> ConfigError | None:
    """Say which option nothing reads, or what it is called now."""
    unread = _UNREAD.search(text)
    if unread is None:
        return None
    name = next(group for group in unread.groups() if group)
    key = ".".join(filter(None, (keys, name.lstrip("-").partition("=")[0])))
    if present := key_now(key):
        return ConfigError(f"{at}{key} is now called {present}", remedy=f"write {present}")
    places = ", ".join([*([keys] if keys else []), *_CLASS.findall(heading)[-1:]])
    return ConfigError(
        f"{at}nothing reads the option {name}" + (f" of {places}" if places else ""),
        remedy=f"correct its name; {remedy}",
    )


def _unusable_class(heading: str, keys: str, at: str, remedy: str) -> ConfigError | None:
    """Say which class cannot be made, unless the message goes on to the argument that is wrong."""
    classes = [found for found in _UNUSABLE_CLASS.findall(heading) if not found[1].startswith("Parser key")]
    if not classes:
        return None
    path, reason = classes[-1]
    return ConfigError(f"{at}class_path {path} of {keys} cannot be used: {reason}", remedy=remedy)


def _wrong_value(text: str, keys: str, at: str, remedy: str) -> ConfigError | None:
    """Say which key has a value of the wrong type, and what the types are called."""
    expected = [kind for kind in _EXPECTED.findall(text) if "NoneType" not in kind]
    given = _GIVEN.findall(text)
    if not (keys and expected and given):
        return None
    allowed = [_plain(kind) for kind in expected]
    return ConfigError(f"{at}{keys} has an unusable value", found=given[0].strip(), allowed=allowed, remedy=remedy)


def _plain(kind: str) -> str:
    """Write a type as users name it."""
    if literal := re.fullmatch(r"typing\.Literal\[(.+)\]", kind):
        return literal[1].replace("'", "")
    name = re.sub(r"<class '(?:.*\.)?(\w+)'>", r"\1", kind)
    return _NAMES.get(re.split(r"[\[.]", name.removeprefix("collections.abc."))[0], name)
