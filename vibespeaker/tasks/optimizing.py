"""The optimiser of a run: one learning rate for all that is trained, or encoders and their layers with their own."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from lightning.pytorch import Trainer
from torch import nn
from torch.optim import Optimizer

from vibespeaker.arguments.ranges import NOT_NEGATIVE, require_each
from vibespeaker.encoders.rates import RateGroup
from vibespeaker.errors import ConfigError
from vibespeaker.tasks.schedule import Schedule

#: What the rate of everything but the encoders with rates of their own is called in the log.
NETWORK_GROUP = "network"


def checked_optimizer(
    make: Callable[[list[Any]], Optimizer], parameters: Iterable[nn.Parameter], own_rates: Sequence[RateGroup] = ()
) -> Optimizer:
    """Return the optimiser of all parameters that are not frozen.

    Args:
        make: from parameters, or groups of them, to the optimiser.
        parameters: all of them.
        own_rates: those of them that have a learning rate of their own; the optimiser's parameter groups then bear
            their names. Without any there is one group.

    Raises:
        ConfigError: a rate or another setting is out of range, or nothing is to be trained.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if not trained:
        raise ConfigError(
            "nothing is left to be trained",
            remedy="read an encoder that learns, too, or drop `freeze`, or set the network's `ridge={}`",
        )
    apart = {id(parameter) for group in own_rates for parameter in group.parameters}
    rest = [parameter for parameter in trained if id(parameter) not in apart]
    groups: list[dict[str, Any]] = [{"params": rest, "name": NETWORK_GROUP}] if rest else []
    groups += [{"params": list(group.parameters), "name": group.name} for group in own_rates]
    try:
        optimizer = make(groups if own_rates else trained)
    except ValueError as error:  # PyTorch checks most of them
        allowed = f"{NOT_NEGATIVE} as learning rate; other settings as PyTorch documents them"
        raise ConfigError("model.init_args.optimizer is refused by PyTorch", found=error, allowed=allowed) from error
    for group, wanted in zip(optimizer.param_groups[-len(own_rates) :] if own_rates else (), own_rates, strict=True):
        group["lr"] = wanted.factor * (optimizer.defaults["lr"] if wanted.rate is None else wanted.rate)
    require_each(NOT_NEGATIVE, "optimizer.lr", enumerate(group["lr"] for group in optimizer.param_groups))
    return optimizer


def scheduled(optimizer: Optimizer, schedule: Schedule, trainer: Trainer) -> dict[str, Any]:
    """Return what `configure_optimizers` returns: the optimiser, whose rates move every step and are logged as `lr`.

    Args:
        optimizer: its learning rates are the maxima.
        schedule: over the whole run.
        trainer: knows how long that is.
    """
    steps = int(trainer.estimated_stepping_batches)
    scheduler = schedule.attach(optimizer, steps / max(1, trainer.max_epochs or 1), steps)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step", "name": "lr"}}
