"""What `vibespeaker prepare --help` says of the formats: what each reads, and its options."""

import inspect
import re
import textwrap
from collections.abc import Sequence

from vibespeaker.corpora import FORMATS, adapter_class

_WIDTH = 118


def describe_formats(arguments: Sequence[str]) -> str:
    """Return the formats, what they read and which options they have.

    Args:
        arguments: words of the command line; only the format that they begin with is described, else all.
    """
    named = [word for word in arguments if word in FORMATS][:1]
    lines = ["formats and their options:"]
    for name in named or FORMATS:
        lines += _describe(name)
    return "\n".join([*lines, ""])


def _describe(name: str) -> list[str]:
    """Return the lines of one format, from the documentation of its adapter."""
    text, _, arguments = (inspect.getdoc(adapter_class(name)) or "").partition("\n\nArgs:\n")
    lines = ["", f"  {name}"]
    for paragraph in text.split("\n\n"):
        lines += _wrapped(paragraph, "      ", "      ")
    for entry in re.split(r"\n(?=    \w+: )", arguments):
        option, _, description = entry.strip().partition(": ")
        if option:
            lines += _wrapped(f"--options.{option}: {description}", "      ", "          ")
    return lines


def _wrapped(text: str, first: str, further: str) -> list[str]:
    words = " ".join(text.split())
    return textwrap.wrap(words, _WIDTH, initial_indent=first, subsequent_indent=further, break_on_hyphens=False)
