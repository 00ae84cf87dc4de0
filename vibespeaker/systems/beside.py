"""What stands beside a system: its calibration and what it says of itself, in its model folder or beside its file."""

from vibespeaker.calibration.store import Calibration, find_calibration
from vibespeaker.systems.base import System
from vibespeaker.systems.ensemble_folder import FolderEnsemble
from vibespeaker.systems.facts import ModelFacts
from vibespeaker.systems.folder import FolderModel


def calibration_of(system: System) -> Calibration | None:
    """Return the calibration that was fitted for a system, None where there is none.

    Raises:
        PredictionsError: the one beside its file is damaged, or belongs to other weights.
    """
    if isinstance(system, FolderModel | FolderEnsemble):
        return system.calibration
    if system.file is None or system.identity is None:
        return None
    return find_calibration(system.file, system.identity)


def facts_of(system: System) -> ModelFacts | None:
    """Return what a model folder, or a file about a checkpoint of a hub, says of itself; None of anything else."""
    facts = getattr(system, "facts", None)
    return facts if isinstance(facts, ModelFacts) else None
