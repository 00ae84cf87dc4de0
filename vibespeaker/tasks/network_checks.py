"""Whether a network fits what it is trained on, and which of its weights stay as they are."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch

from torch import nn

from vibespeaker.encoders.training import keep_frozen_still
from vibespeaker.errors import ConfigError
from vibespeaker.labels.heads import HEADS, HeadSpec
from vibespeaker.losses import MultiTaskLoss
from vibespeaker.models.base import EmotionModel


def check_heads(network: EmotionModel, loss: MultiTaskLoss, declared: Mapping[str, HeadSpec]) -> None:
    """Refuse a network and a loss that do not train the same heads.

    Args:
        network: as it is to be trained.
        loss: what is minimised.
        declared: further heads that the data declares.

    Raises:
        ConfigError: the network has no head or lacks one that the loss reads, or no term trains a declared head.
    """
    if not network.heads:
        raise ConfigError(
            "the network has no head to train",
            allowed=HEADS,
            remedy="set model.init_args.network.init_args.heads, or declare further heads in data.init_args.heads",
        )
    missing = [head for head in loss.requires if head not in network.heads]
    if missing:
        raise ConfigError(
            "the loss needs a head that the network lacks",
            found=", ".join(missing),
            allowed=network.heads,
            remedy="give the network that head, declare it in data.init_args.heads, or drop the loss terms that "
            "read it",
        )
    idle = [head for head in declared if head not in loss.requires]
    if idle:
        raise ConfigError(
            "data.init_args.heads declares heads that no term of the loss trains",
            found=", ".join(idle),
            allowed=loss.requires,
            remedy="add a term with head: NAME, of weight 0 if it is only to be watched, or drop the head",
        )


def freeze(network: nn.Module, patterns: Sequence[str]) -> None:
    """Keep the weights that match a pattern as they are, and the running statistics of norms among them.

    Args:
        network: whose weights they are, in training mode.
        patterns: over the names of its parameters, such as `poolings.*`.

    Raises:
        ConfigError: a pattern matches nothing.
    """
    names = [name for name, _ in network.named_parameters()]
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in names):
            raise ConfigError("model.init_args.freeze matches no parameter", found=pattern, allowed=names)
    for name, parameter in network.named_parameters():
        if any(fnmatch(name, pattern) for pattern in patterns):
            parameter.requires_grad_(False)
    keep_frozen_still(network)
