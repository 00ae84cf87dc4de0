"""The arithmetic of averaging members, for arrays and tensors alike."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from vibespeaker.arguments.ranges import NOT_NEGATIVE, require_each
from vibespeaker.errors import ConfigError

#: Floor of a mean probability before its logarithm becomes the logit.
LEAST_PROBABILITY = 1e-9


class Summable(Protocol):
    """An array or a tensor: what can be scaled and added."""

    def __mul__(self, factor: float, /) -> Any:
        """Return every value times `factor`."""

    def __add__(self, other: Any, /) -> Any:
        """Return the sum, value by value."""


Values = TypeVar("Values", bound=Summable)


def weighted_mean(values: Sequence[Values], weights: Sequence[float]) -> Values:
    """Return Σ wᵢ·xᵢ / Σ wᵢ; what weighs 0 is left out, so that it may be NaN.

    Args:
        values: of the members, all of one shape.
        weights: one per member, checked by `check_weights`.

    Example:
        >>> weighted_mean([np.array([1.0]), np.array([4.0]), np.array([np.nan])], [1, 2, 0])
        array([3.])
    """
    total = float(sum(weights))
    first, *others = (
        value * (float(weight) / total) for value, weight in zip(values, weights, strict=True) if weight > 0
    )
    for other in others:
        first = first + other
    return first


def check_weights(weights: Sequence[float], of: str = "members") -> None:
    """Check that weights make a mean.

    Args:
        weights: one per member.
        of: what they weigh, in the error.

    Raises:
        ConfigError: one is negative, or none is positive.
    """
    require_each(NOT_NEGATIVE, f"weights for {of}", enumerate(weights))
    if not sum(weights) > 0:
        raise ConfigError(f"weights for {of} must not all be 0", found=list(weights))
