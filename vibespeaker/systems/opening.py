"""From what a command line or a config names to a system."""

from collections.abc import Mapping
from pathlib import Path

from vibespeaker.systems.base import System
from vibespeaker.systems.ensemble import Ensemble, checked_weights
from vibespeaker.systems.trained import TrainedModel


def open_system(source: Path) -> System:
    """Open a system.

    Args:
        source: a checkpoint that `vibespeaker fit` wrote.

    Raises:
        CheckpointError: it is missing or damaged, or names what it must not.
    """
    return TrainedModel.from_checkpoint(Path(source))


def open_ensemble(members: Mapping[str, Path], weights: Mapping[str, Mapping[str, float]] | None = None) -> Ensemble:
    """Open several systems as one.

    Args:
        members: name → what `open_system` takes.
        weights: see `systems.ensemble.checked_weights`.

    Raises:
        ConfigError: the weights do not fit the members; before any is read.
        CheckpointError: as `open_system`.
    """
    checked_weights(members, weights)
    paths = {name: Path(path) for name, path in members.items()}
    return Ensemble({name: open_system(path) for name, path in paths.items()}, weights, paths)
