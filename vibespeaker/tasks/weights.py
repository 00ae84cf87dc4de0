"""Starting from another checkpoint's weights, also when its classes are not quite the same."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vibespeaker.data.provenance import Provenance
from vibespeaker.errors import CheckpointError
from vibespeaker.labels import LabelSet
from vibespeaker.models.heads import EmotionHead

_NETWORK = "network."


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Load a checkpoint into main memory.

    Raises:
        CheckpointError: the file is missing, damaged, or no VibeSpeaker checkpoint.
    """
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} does not exist")
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds, by what is wrong with the file
        # torch's own words would advise to load untrusted code
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint",
            found=type(error).__name__,
            remedy="give a file that vibespeaker fit wrote; this one is damaged or something else",
        ) from error
    Provenance.from_checkpoint(checkpoint, path)
    return checkpoint


def initialise(network: nn.Module, labels: LabelSet, path: Path) -> None:
    """Load the weights of `path` into `network`; logits are matched by class, and those it does not need are dropped.

    Args:
        network: as it is to be trained.
        labels: its classes.
        path: checkpoint of a network that differs in its logits at most.

    Raises:
        CheckpointError: the checkpoint lacks a class or a weight, or a weight has another shape.
    """
    checkpoint = read_checkpoint(path)
    old = Provenance.from_checkpoint(checkpoint, path).labels
    missing = [emotion for emotion in labels.classes if emotion not in old.classes]
    if missing:
        raise CheckpointError(
            f"checkpoint {path} knows no such classes", found=", ".join(missing), allowed=old.classes,
            remedy="start from a checkpoint of a label set that contains these classes",
        )  # fmt: skip
    state = {key.removeprefix(_NETWORK): value for key, value in checkpoint["state_dict"].items()
             if key.startswith(_NETWORK)}  # fmt: skip
    if old.classes != labels.classes:
        _match_classes(network, state, old, labels)
    _check(network, state, path)
    network.load_state_dict(state)


def _match_classes(network: nn.Module, state: dict[str, Tensor], old: LabelSet, new: LabelSet) -> None:
    """Keep of every head in `state` the rows of the new classes, in their order, and the attributes' rows."""
    rows = [old.index(emotion) for emotion in new.classes]
    for name, module in network.named_modules():
        if isinstance(module, EmotionHead) and module.classes:
            for key in (f"{name}.linear.weight", f"{name}.linear.bias"):
                if key in state:
                    state[key] = torch.cat([state[key][rows], state[key][len(old) :]])


def _check(network: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    wanted = network.state_dict()
    lacking = sorted(set(wanted) - set(state))
    foreign = sorted(set(state) - set(wanted))
    if lacking or foreign:
        raise CheckpointError(
            f"checkpoint {path} is of another network",
            found=f"without {lacking[:3]}, with {foreign[:3]}",
            remedy="use the model config that the checkpoint was trained with",
        )
    for key, value in wanted.items():
        if isinstance(value, Tensor) and value.shape != state[key].shape:
            raise CheckpointError(
                f"checkpoint {path} has another shape at {key}",
                found=tuple(state[key].shape),
                allowed=str(tuple(value.shape)),
                remedy="use the same encoders and model sizes as the checkpoint",
            )
