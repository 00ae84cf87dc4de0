"""Ranges of numbers that people set: one way of checking them, and of saying which are allowed."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from vibespeaker.errors import ConfigError


@dataclass(frozen=True)
class Range:
    """Numbers that are allowed; NaN and infinity never are.

    Args:
        low: the least.
        high: the greatest.
        above: whether `low` itself is left out.
        below: whether `high` itself is left out.
        whole: whether only whole numbers count.
    """

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False
    whole: bool = False

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return False
        # a whole number may be too large for a float, which `math.isfinite` makes of it
        if isinstance(value, float) and not math.isfinite(value):
            return False
        if self.whole and value != int(value):
            return False
        return (self.low < value if self.above else self.low <= value) and (
            value < self.high if self.below else value <= self.high
        )

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a finite number"
        bounds = []
        if self.low > -math.inf:
            bounds.append(f"{'above' if self.above else 'of at least'} {_number(self.low)}")
        if self.high < math.inf:
            bounds.append(f"{'below' if self.below else 'at most'} {_number(self.high)}")
        return " ".join([kind, " and ".join(bounds)]).strip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 and value == int(value) else f"{value:g}"


#: Numbers of things, at least one, or perhaps none.
COUNT, COUNT_OR_NONE = Range(1, whole=True), Range(0, whole=True)
#: Processes at a time: more would end the machine's other work. Draws of a bootstrap.
WORKERS, JOBS, DRAWS = Range(0, 1024, whole=True), Range(1, 1024, whole=True), Range(0, 1_000_000, whole=True)
#: Sizes of networks: what a wrong digit asks for is refused before memory is taken.
WIDTH, LAYERS = Range(1, 65_536, whole=True), Range(1, 100, whole=True)
#: What NumPy and PyTorch take as a seed.
SEED = Range(0, 2**32 - 1, whole=True)
POSITIVE, NOT_NEGATIVE = Range(0, above=True), Range(0)
#: Shares and probabilities: with both ends, without 1 (of what is dropped), without either (of coverage).
SHARE, SHARE_BELOW_ONE, INNER_SHARE = Range(0, 1), Range(0, 1, below=True), Range(0, 1, above=True, below=True)
FINITE = Range()


def require(allowed: Range, **values: float | None) -> None:
    """Refuse settings that are out of range; null stands for a setting that was not given.

    Args:
        allowed: the range.
        values: name of the setting → its value.

    Raises:
        ConfigError: naming the first setting out of range, its value and the range.
    """
    for name, value in values.items():
        if value is not None and value not in allowed:
            raise ConfigError(f"{name} is out of range", found=value, allowed=str(allowed))


def require_each(allowed: Range, name: str, values: Iterable[tuple[object, float | None]]) -> None:
    """Refuse a setting of many numbers when one is out of range, see `require`.

    Args:
        allowed: the range.
        name: of the setting.
        values: key or position, and number.
    """
    for key, value in values:
        require(allowed, **{f"{name}.{key}": value})


def require_once(name: str, values: Iterable[object] | None) -> None:
    """Refuse a list in which something stands twice; null stands for a list that was not given.

    Raises:
        ConfigError: naming the list and what stands twice.
    """
    listed = list(values or ())
    twice = list(dict.fromkeys(str(value) for value in listed if listed.count(value) > 1))
    if twice:
        raise ConfigError(f"{name} has something twice", found=", ".join(twice), allowed="each once")
