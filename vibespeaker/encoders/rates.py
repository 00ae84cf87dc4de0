"""Learning rates within an encoder: the topmost layer's, and what is left of it in the layers below."""

from dataclasses import dataclass

from torch import nn

from vibespeaker.encoders.base import Encoder


@dataclass(frozen=True)
class RateGroup:
    """Weights with one learning rate.

    Args:
        name: what the log calls them.
        parameters: the weights.
        rate: the encoder's learning rate; None stands for the optimiser's.
        factor: what it is multiplied by.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    rate: float | None
    factor: float


def rate_groups(name: str, encoder: Encoder) -> list[RateGroup]:
    """Return the trained weights of an encoder by learning rate; empty where the optimiser's applies to all.

    With a decay of d and L layers that the output depends on, layer i has d ** (L - i) of the rate, what closes the
    layers all of it, and what precedes them d ** L (as Clark et al. 2020, whose rate is that of a layer above).

    Args:
        name: of the encoder.
        encoder: whose training is chosen.
    """
    plan = encoder.training_plan
    if not plan.has_own_rate:
        return []
    if plan.layer_decay == 1.0:
        trained = tuple(weight for weight in encoder.parameters() if weight.requires_grad)
        return [RateGroup(name, trained, plan.learning_rate, 1.0)]
    stages = encoder.stages()
    layers = sum(stage.kind == "layer" for stage in stages)
    by_depth: dict[int, list[nn.Parameter]] = {}
    passed = 0
    for stage in stages:
        passed += stage.kind == "layer"
        depth = passed if stage.kind != "closing" else layers
        by_depth.setdefault(depth, []).extend(weight for weight in stage.parameters() if weight.requires_grad)
    return [
        RateGroup(f"{name}.{depth}", tuple(weights), plan.learning_rate, plan.layer_decay ** (layers - depth))
        for depth, weights in by_depth.items()
        if weights
    ]
