"""The learning rate over a run: linear warm-up, then half a cosine down to a floor."""

import math
from dataclasses import dataclass
from functools import partial

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from vibespeaker.errors import ConfigError


@dataclass(frozen=True)
class Schedule:
    """How the learning rate, whose maximum the optimiser holds, changes from step to step.

    Args:
        warmup_epochs: epochs of linear rise from zero to the maximum; may be a fraction.
        minimum: rate at the end of the run, reached along a cosine; null keeps the maximum after the warm-up.
    """

    warmup_epochs: float = 0.0
    minimum: float | None = None

    def attach(self, optimizer: Optimizer, steps_per_epoch: float, steps: int) -> LambdaLR:
        """Return a scheduler to call after every optimiser step.

        Args:
            optimizer: its learning rates are the maxima.
            steps_per_epoch: optimiser steps per epoch.
            steps: optimiser steps of the whole run.

        Raises:
            ConfigError: the minimum is above the maximum.
        """
        maxima = [float(group["lr"]) for group in optimizer.param_groups]
        if self.minimum is not None and self.minimum > min(maxima):
            raise ConfigError(
                "the schedule's minimum is above the optimizer's learning rate",
                found=self.minimum,
                allowed=f"0 to {min(maxima)}",
            )
        warmup = self.warmup_epochs * steps_per_epoch

        def factor(step: int, floor: float) -> float:
            # the step counted from 0 is the one about to be taken, so the first one already moves
            if step + 1 < warmup:
                return (step + 1) / warmup
            if self.minimum is None:
                return 1.0
            done = min(1.0, max(0.0, (step + 1 - warmup) / max(1.0, steps - warmup)))
            return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * done))

        floors = [(self.minimum or 0.0) / maximum if maximum else 0.0 for maximum in maxima]
        return LambdaLR(optimizer, [partial(factor, floor=floor) for floor in floors])
