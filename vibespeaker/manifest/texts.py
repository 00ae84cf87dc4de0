"""Texts of several recognisers stand beside each other: columns `text.<name>` and `text_origin.<name>` of a manifest.

The columns without a name, `text` and `text_origin`, are the default. An encoder's `text: <name>` says which it reads.
"""

import re
from collections.abc import Iterable

from vibespeaker.errors import ConfigError

TEXT, ORIGIN = "text", "text_origin"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def text_column(name: str | None) -> str:
    """Return the column of texts of a name; None is the default."""
    return TEXT if name is None else f"{TEXT}.{name}"


def origin_column(name: str | None) -> str:
    """Return the column that says where the texts of a name are from; None is the default."""
    return ORIGIN if name is None else f"{ORIGIN}.{name}"


def is_named_text(column: str) -> bool:
    """Return True for `text.<name>` and `text_origin.<name>`."""
    kind, dot, name = column.partition(".")
    return bool(dot) and kind in (TEXT, ORIGIN) and _NAME.fullmatch(name) is not None


def text_names(columns: Iterable[str]) -> list[str]:
    """Return the names of the texts among columns, sorted."""
    return sorted({column.partition(".")[2] for column in columns if is_named_text(column)})


def named_columns(columns: Iterable[str]) -> list[str]:
    """Return the columns of named texts among `columns` and those that belong to them, in their order in a table."""
    return [column for name in text_names(columns) for column in (text_column(name), origin_column(name))]


def check_text_name(name: object, place: str) -> None:
    """Refuse what cannot be the name of texts.

    Args:
        name: from a command line or a file.
        place: what errors call it.

    Raises:
        ConfigError: saying what can.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(f"{place} is unusable", found=name, allowed="letters, digits, _ and -")
