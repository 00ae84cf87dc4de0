"""The learning rate over a run: linear warm-up, then half a cosine or a straight line down to a minimum."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from vibespeaker.arguments.ranges import COUNT_OR_NONE, NOT_NEGATIVE, SHARE, require
from vibespeaker.errors import ConfigError


@dataclass(frozen=True)
class Schedule:
    """How the learning rate, whose maximum the optimiser holds, changes from step to step.

    Where encoders have rates of their own, all rise and fall together: their ratios stay.

    Args:
        warmup_epochs: epochs of linear rise from zero to the maximum; may be a fraction.
        minimum: rate at the end of the run, of what the optimiser's own rate applies to; null keeps the maximum after
            the warm-up.
        warmup_steps: the same rise in optimiser steps; give one of the three.
        warmup_share: the same rise as a share of the run's steps, 0 to 1.
        shape: how the rate falls to the minimum: along half a cosine, or in equal steps.

    Raises:
        ConfigError: the warm-up is negative, longer than the run, or given twice; or a linear fall has no minimum.
    """

    warmup_epochs: float = 0.0
    minimum: float | None = None
    warmup_steps: int | None = None
    warmup_share: float | None = None
    shape: Literal["cosine", "linear"] = "cosine"

    def __post_init__(self) -> None:
        given = {
            name: value
            for name in ("warmup_epochs", "warmup_steps", "warmup_share")
            if (value := getattr(self, name)) is not None and value != 0
        }
        if len(given) > 1:
            raise ConfigError("the warm-up is given twice", found=given, remedy="keep one of these keys")
        require(COUNT_OR_NONE, warmup_steps=self.warmup_steps)
        require(NOT_NEGATIVE, warmup_epochs=self.warmup_epochs, minimum=self.minimum)
        require(SHARE, warmup_share=self.warmup_share)
        if self.shape == "linear" and self.minimum is None:
            raise ConfigError("a linear schedule falls to a minimum", found="none", remedy="set minimum, such as 0.0")

    def attach(self, optimizer: Optimizer, steps_per_epoch: float, steps: int) -> LambdaLR:
        """Return a scheduler to call after every optimiser step.

        Args:
            optimizer: its learning rates are the maxima.
            steps_per_epoch: optimiser steps per epoch.
            steps: optimiser steps of the whole run.

        Raises:
            ConfigError: the minimum is above the maximum.
        """
        maximum = float(optimizer.defaults["lr"])
        if self.minimum is not None and self.minimum > maximum:
            raise ConfigError(
                "the schedule's minimum is above the optimizer's learning rate",
                found=self.minimum,
                allowed=f"0 to {maximum}",
            )
        floor = (self.minimum or 0.0) / maximum if maximum else 0.0
        factor = partial(self._factor, floor=floor, warmup=self._warmup(steps_per_epoch, steps), steps=steps)
        return LambdaLR(optimizer, [factor] * len(optimizer.param_groups))

    def _warmup(self, steps_per_epoch: float, steps: int) -> float:
        """Return the steps of the warm-up."""
        if self.warmup_steps:
            return float(self.warmup_steps)
        return self.warmup_share * steps if self.warmup_share else self.warmup_epochs * steps_per_epoch

    def _factor(self, step: int, floor: float, warmup: float, steps: int) -> float:
        # the step counted from 0 is the one about to be taken, so the first one already moves
        if step + 1 < warmup:
            return (step + 1) / warmup
        if self.minimum is None:
            return 1.0
        done = min(1.0, max(0.0, (step + 1 - warmup) / max(1.0, steps - warmup)))
        left = 1.0 - done if self.shape == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
        return floor + (1.0 - floor) * left
