"""Starting from another checkpoint's weights, also when its classes are not quite the same."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vibespeaker.config_files.renamed import classes_now
from vibespeaker.errors import CheckpointError
from vibespeaker.labels import LabelSet
from vibespeaker.models.heads import EmotionHead
from vibespeaker.provenance import Provenance

_NETWORK = "network."
#: Where Lightning keeps what the task was made with.
HYPER_PARAMETERS = "hyper_parameters"


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Load a checkpoint into main memory; its hyper-parameters name classes as they are called now.

    Raises:
        CheckpointError: the file is missing, damaged, or no VibeSpeaker checkpoint.
    """
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} does not exist")
    with checkpoint_errors(path):
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    Provenance.from_checkpoint(checkpoint, path)
    return {**checkpoint, HYPER_PARAMETERS: classes_now(checkpoint.get(HYPER_PARAMETERS, {}))}


@contextmanager
def checkpoint_errors(path: object) -> Iterator[None]:
    """Turn whatever reading the checkpoint `path` raises into one clear error.

    Raises:
        CheckpointError: in place of any other exception; torch has many, by what is wrong with the file.
    """
    try:
        yield
    except Exception as error:
        # torch's own words would advise to load untrusted code
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint",
            found=type(error).__name__,
            remedy="give a file that vibespeaker fit wrote; this one is damaged or something else",
        ) from error


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
            f"checkpoint {path} lacks these classes", found=", ".join(missing), allowed=old.classes,
            remedy="start from a checkpoint of a label set that contains these classes",
        )  # fmt: skip
    state = _network_state(checkpoint)
    if old.classes != labels.classes:
        _match_classes(network, state, old, labels)
    _check(network, state, f"checkpoint {path}")
    network.load_state_dict(state)


def _match_classes(network: nn.Module, state: dict[str, Tensor], old: LabelSet, new: LabelSet) -> None:
    """Keep of every head in `state` the rows of the new classes, in their order, and the attributes' rows."""
    rows = [old.index(emotion) for emotion in new.classes]
    for name, module in network.named_modules():
        if isinstance(module, EmotionHead) and module.classes:
            for key in (f"{name}.linear.weight", f"{name}.linear.bias"):
                if key in state:
                    state[key] = torch.cat([state[key][rows], state[key][len(old) :]])


def check_network(network: nn.Module, checkpoint: Mapping[str, Any], source: str) -> None:
    """Compare the network in a checkpoint with `network`, in place of torch's list of every weight that differs.

    Args:
        network: as it was built.
        checkpoint: as it was read.
        source: what errors call the checkpoint.

    Raises:
        CheckpointError: a weight is missing, has no place, or has another shape.
    """
    _check(network, _network_state(checkpoint), source)


def _network_state(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    weights = checkpoint["state_dict"].items()
    return {key.removeprefix(_NETWORK): value for key, value in weights if key.startswith(_NETWORK)}


def _check(network: nn.Module, state: dict[str, Tensor], source: str) -> None:
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
        if isinstance(value, Tensor) and value.shape != state[key].shape:
            raise CheckpointError(
                f"{source} has another shape at {key}",
                found=tuple(state[key].shape),
                allowed=str(tuple(value.shape)),
                remedy="use the same encoders and model sizes as the checkpoint",
            )
