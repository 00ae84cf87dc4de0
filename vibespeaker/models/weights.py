"""Starting from another checkpoint's weights, also when its classes are not quite the same."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vibespeaker.errors import CheckpointError
from vibespeaker.labels import LabelSet
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.models.checkpoint import open_checkpoint
from vibespeaker.models.heads import FURTHER_PREFIX, EmotionHead
from vibespeaker.provenance import Provenance

log = logging.getLogger(__name__)

#: What the names of a network's weights begin with in a checkpoint.
NETWORK = "network."


def initialise(network: nn.Module, wanted: Provenance, path: Path) -> Provenance:
    """Load the weights of `path` into `network` and return its provenance; heads are matched by name and class.

    Logits and further heads that the network does not need are dropped. Further heads and classes of them that the
    checkpoint lacks start new, which is logged.

    Args:
        network: as it is to be trained, its weights initialised.
        wanted: its classes and further heads.
        path: checkpoint of a network that differs in its heads at most.

    Raises:
        CheckpointError: the checkpoint lacks a class or a weight, or a weight has another shape.
    """
    checkpoint = open_checkpoint(path)
    old = checkpoint.provenance
    missing = [emotion for emotion in wanted.classes if emotion not in old.classes]
    if missing:
        raise CheckpointError(
            f"checkpoint {path} lacks these classes", found=", ".join(missing), allowed=old.classes,
            remedy="start from a checkpoint of a label set that contains these classes",
        )  # fmt: skip
    state = checkpoint.state(NETWORK)
    for prefix, module in network.named_modules():
        if isinstance(module, EmotionHead):
            _match_classes(module, f"{prefix}.linear", state, old.labels, wanted.labels)
            _match_further(module, f"{prefix}.further.", state, old.heads, path)
    check_state(network, state, f"checkpoint {path}")
    network.load_state_dict(state)
    return old


def _match_classes(head: EmotionHead, layer: str, state: dict[str, Tensor], old: LabelSet, new: LabelSet) -> None:
    """Keep in `state` the rows of the new classes, in their order, and the attributes' rows."""
    if not head.classes or old.classes == new.classes:
        return
    rows = [old.index(emotion) for emotion in new.classes]
    for key in (f"{layer}.weight", f"{layer}.bias"):
        if key in state:
            state[key] = torch.cat([state[key][rows], state[key][len(old) :]])


def _match_further(
    head: EmotionHead, prefix: str, state: dict[str, Tensor], old: Mapping[str, HeadSpec], path: Path
) -> None:
    """Put the further heads of `head` into `state`: rows by class, the module's initial ones where there are none."""
    stored = {key: state.pop(key) for key in list(state) if key.startswith(prefix)}
    for name, spec in head.specs.items():
        before = old.get(name)
        kept = before.classes if before is not None and before.kind == spec.kind else ()
        known = [one for one in spec.classes if one in kept]
        matches = before is not None and before.kind == spec.kind and (not spec.classes or bool(known))
        for part, initial in head.further[f"{FURTHER_PREFIX}{name}"].state_dict().items():
            key = f"{prefix}{FURTHER_PREFIX}{name}.{part}"
            value = initial.clone()
            if matches and not spec.classes:
                value = stored[key]
            elif matches:
                value[[spec.classes.index(one) for one in known]] = stored[key][[kept.index(one) for one in known]]
            state[key] = value
        if not matches or len(known) < len(spec.classes):
            new = ", ".join(one for one in spec.classes if one not in known) if matches else "all of it"
            log.info("head %s starts with new weights (%s): checkpoint %s has none", name, new, path)


def check_network(network: nn.Module, checkpoint: Mapping[str, Any], source: str) -> None:
    """Compare the network in a checkpoint with `network`, in place of torch's list of every weight that differs.

    Args:
        network: as it was built.
        checkpoint: as it was read.
        source: what errors call the checkpoint.

    Raises:
        CheckpointError: a weight is missing, has no place, or has another shape.
    """
    check_state(network, network_state(checkpoint), source)


def network_state(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights of the network in what was read from a checkpoint."""
    weights = checkpoint["state_dict"].items()
    return {key.removeprefix(NETWORK): value for key, value in weights if key.startswith(NETWORK)}


def check_state(network: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Compare weights with those that a network has; see `check_network`."""
    wanted = network.state_dict()
    lacking = sorted(set(wanted) - set(state))
    foreign = sorted(set(state) - set(wanted))
    if lacking or foreign:
        raise CheckpointError(
            f"{source} is of another network",
            found=f"without {lacking[:3]}, with {foreign[:3]}",
            remedy="use the model config that the checkpoint was trained with",
        )
    for key, value in wanted.items():
        shape = tuple(state[key].shape) if isinstance(state[key], Tensor) else None
        if isinstance(value, Tensor) and tuple(value.shape) != shape:
            raise CheckpointError(
                f"{source} has another shape at {key}",
                found=shape,
                allowed=str(tuple(value.shape)),
                remedy="use the same encoders and model sizes as the checkpoint",
            )
