"""What training needs of an encoder: layers computed twice instead of kept, a gradient for each trained weight."""

from collections.abc import Iterable
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import nn

from vibespeaker.errors import ConfigError


def recompute(layers: Iterable[nn.Module]) -> None:
    """Let layers forget what they computed and compute it again in the backward pass: less memory, the same gradients.

    Only a layer's input is kept. Dropout draws the same values both times. (Chen et al. 2016)
    """
    for layer in layers:
        layer.forward = MethodType(_recomputed, layer)


def _recomputed(layer: nn.Module, *args: Any, **kwargs: Any) -> Any:
    from torch.utils.checkpoint import checkpoint  # which loads what recognition does without

    run = partial(type(layer).forward, layer)
    if not (layer.training and torch.is_grad_enabled()):
        return run(*args, **kwargs)
    return checkpoint(run, *args, use_reentrant=False, **kwargs)


def check_gradients(weights: Iterable[tuple[str, nn.Parameter]]) -> None:
    """Refuse to go on where a weight that is to be trained got no gradient: it would stay as it is, silently.

    Args:
        weights: names and weights, after a backward pass.

    Raises:
        ConfigError: naming some.
    """
    idle = [name for name, weight in weights if weight.requires_grad and weight.grad is None]
    if idle:
        raise ConfigError(
            f"{len(idle)} weights of encoders are to be trained, but the loss does not depend on them",
            found=", ".join(idle[:3]),
            remedy="let the network read the encoder, or train another part of it: train beside its class_path",
        )
