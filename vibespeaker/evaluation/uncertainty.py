"""How sure a score is: its interval over speakers, and its spread over seeds or simulated tests."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A score and its speaker-clustered bootstrap interval.

    Args:
        value: the score of all utterances; NaN where undefined.
        low: lower end, NaN where undefined or not asked for.
        high: upper end.
    """

    value: float
    low: float = math.nan
    high: float = math.nan

    def __str__(self) -> str:
        return f"{self.value:.3f}" if math.isnan(self.low) else f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Spread:
    """How a score varies over seeds or over resampled tests.

    Args:
        mean: mean of the values.
        deviation: their standard deviation (n − 1), NaN for one value.
        low: least value, or the lower 2.5 % point of resampled tests.
        high: greatest value, or the upper 2.5 % point.
        count: number of values.
    """

    mean: float
    deviation: float
    low: float
    high: float
    count: int
